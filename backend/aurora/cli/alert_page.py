"""Alerts, as people read them."""

from collections.abc import Sequence

from aurora.cli.client import Json
from aurora.cli.figures import lasting
from aurora.cli.pages import BLANK, Block, Cell, Column, Grid, Line, Page, Styled

_ALERT = (
    Column("Alert"),
    Column("Provider"),
    Column("Severity", rank=2),
    Column("For", right=True),
    Column("What", rank=1, shortest=20),
)
_STYLE = {"critical": "red", "warning": "yellow"}


def alerts_page(found: Json) -> Page:
    """The alerts that hold, and where to read on."""
    if not found["alerts"]:
        return [Line("No alert holds.")]
    page: list[Block] = [Grid(_ALERT, [_row(each) for each in found["alerts"]]), BLANK]
    seen = {each["name"]: each for each in found["alerts"]}
    page += [
        Line(f"{name}: {each['meaning']} See {each['runbook']}", style="dim") for name, each in seen.items()
    ]
    return page


def _row(each: Json) -> Sequence[Cell]:
    severity = each["severity"]
    return (
        each["name"],
        each["provider"],
        Styled(severity, _STYLE.get(severity, "")),
        lasting(each["seconds"]),
        each["detail"],
    )
