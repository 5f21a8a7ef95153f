"""What each limit costs."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from aurora.cli.client import Json
from aurora.cli.deployment_pages import without_relaxations
from aurora.cli.figures import NOTHING, number, plural, priced, usd
from aurora.cli.pages import BLANK, Block, Cell, Column, Facts, Grid, Line, Page, Styled, heading
from aurora.cli.problems import OPTIONS


def whatif_page(found: Json, body: Mapping[str, Any]) -> Page:
    """The present answer, then what would change it, each with its best price."""
    asked = f"{body.get('gpu_count', 1)} x {body['gpu_type']} in {body.get('region', 'global')}"
    page: list[Block] = [
        heading(f"As asked: {asked}{' (emulated)' if found.get('emulated') else ''}"),
        Facts(_baseline(found["baseline"]), indent=2),
        BLANK,
    ]
    changes = found["changes"]
    if not changes:
        return [*page, Line("No change of one or two limits would give more or better offers.")]
    return [
        *page,
        heading("If a limit gave way, most useful first"),
        Grid(_COLUMNS, [row for each in changes for row in _rows(each)], indent=2),
        Line(
            "* the policy would then choose it; the others are cheaper or nearer, but score less.", "dim", 2
        ),
    ]


_COLUMNS = (
    Column("Change", shortest=30),
    Column("New offers", right=True),
    Column("Best $/h", right=True),
    Column("Saves", rank=1, right=True),
    Column("ms", rank=2, right=True),
    Column("Offer", rank=3),
    Column(""),
)


def _baseline(baseline: Json) -> list[tuple[str, Cell]]:
    if baseline["chosen"] is None:
        return [("Best", Styled("none", "yellow")), ("Why", without_relaxations(str(baseline["rationale"])))]
    price = priced(baseline["price_usd_per_hour"], f"per hour, {baseline['price_kind']}")
    return [
        ("Best", f"{baseline['chosen']}: {price}, {number(baseline['estimated_latency_ms'])} ms"),
        ("Offers", f"{plural(baseline['candidates'], 'offer')} met every limit"),
    ]


def _rows(change: Json) -> list[Sequence[Cell]]:
    """One row; a second limit that must give way too has a row of its own."""
    first, *others = (_words(each) for each in change["changes"])
    blank = [""] * (len(_COLUMNS) - 1)
    return [_row(first, change), *((f"and {other}", *blank) for other in others)]


def _row(words: str, change: Json) -> Sequence[Cell]:
    best = change["best"]
    return (
        words,
        number(change["offers"]),
        priced(best["price_usd_per_hour"], best["price_kind"]),
        _saving(change["saves_usd_per_hour"]),
        number(best["estimated_latency_ms"]),
        best["offer_id"],
        "*" if change["would_be_chosen"] else "",
    )


def _words(change: Json) -> str:
    """As it would be typed, where an option does it."""
    limit, asked, instead = str(change["limit"]), change["asked"], change["instead"]
    option = OPTIONS.get(limit)
    if option is None:
        return f"{limit} {instead}"
    if option in {"--no-spot", "--allow-larger"}:
        return f"without {option}" if option == "--no-spot" else option
    return f"{option} {instead} (not {asked})"


def _saving(saves: Any) -> Cell:
    if saves is None:
        return NOTHING
    amount = Decimal(str(saves))
    return Styled(usd(amount), "green") if amount > 0 else f"-{usd(-amount)}" if amount < 0 else NOTHING
