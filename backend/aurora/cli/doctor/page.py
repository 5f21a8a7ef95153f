"""The findings, for people and for scripts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from aurora.cli.doctor.check import Check, State
from aurora.cli.pages import BLANK, Block, Command, Facts, Line, Page, Styled, tone

_STYLES = {State.OK: "", State.WARN: "yellow", State.FAIL: "bold red", State.SKIP: "dim"}


def doctor_page(checks: Sequence[Check]) -> Page:
    """One block per check; the sum at the end."""
    page: list[Block] = [Line("Behind $ is how to repeat a check by hand.", style="dim")]
    for each in checks:
        page += [
            Facts(
                [(f"{each.state.value.upper():4}", Styled(f"{each.what}: {each.found}", _STYLES[each.state]))]
            ),
            *([Line(f"do: {each.then}", indent=6)] if each.then else []),
            *([Command(f"$ {each.by_hand}", indent=6)] if each.by_hand else []),
        ]
    counts = Counter(each.state for each in checks)
    said = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    return [*page, BLANK, _sum(said, failed=has_failed(checks))]


def document(checks: Sequence[Check]) -> dict[str, Any]:
    """`--json`."""
    rows = [
        {
            "check": each.what,
            "state": each.state.value,
            "found": each.found,
            "then": each.then,
            "by_hand": each.by_hand,
        }
        for each in checks
    ]
    return {"ok": not has_failed(checks), "checks": rows}


def has_failed(checks: Sequence[Check]) -> bool:
    return any(each.state is State.FAIL for each in checks)


def _sum(said: str, *, failed: bool) -> Line:
    cell = tone("fail" if failed else "ok", f"{said}.{' Exit code 9.' if failed else ''}")
    return Line(cell, "") if isinstance(cell, str) else Line(cell.text, cell.style)
