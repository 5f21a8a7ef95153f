"""Offers, markets and their health, as people read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from aurora.cli.client import Json
from aurora.cli.figures import NOTHING, age, day_and_time, lasting, number, plural, share, short, usd
from aurora.cli.pages import BLANK, Block, Cell, Column, Facts, Grid, Line, Page, Styled, next_steps, tone

_STALE_S = 900
"""Default OFFER_MAX_AGE."""


def offers_page(found: Json) -> Page:
    """The offers, and how complete the catalogue behind them is."""
    rows = found["offers"]
    page: list[Block] = [Grid(_OFFER, [_offer_row(each) for each in rows])] if rows else []
    said = f"{number(len(rows))} of {plural(found['total'], 'offer')} that match"
    page += [BLANK, Line(f"{said}; prices are without extra disk.", style="dim")]
    page += [Line(each, style="dim") for each in _catalogue_words(found["providers"])]
    if not rows:
        page += [BLANK, next_steps(("aurora offers", "all offers"), ("aurora sync", "read the markets now"))]
    return page


def providers_page(found: Json) -> Page:
    """The markets, with what each can do."""
    page: list[Block] = [Grid(_PROVIDER, [_provider_row(each) for each in found["providers"]])]
    for each in found["providers"]:
        trouble = each.get("reason") or each.get("last_error")
        if trouble:
            page.append(Line(f"{each['name']}: {trouble}", style="yellow"))
    return page


def sync_page(found: Json) -> Page:
    """What the sync saw."""
    rows = [_sync_row(name, each) for name, each in found["providers"].items()]
    page: list[Block] = [Grid(_SYNC, rows)]
    for name, each in found["providers"].items():
        if each["error"]:
            page.append(Line(f"{name}: {each['error']}", style="yellow"))
        if each.get("truncated"):
            page.append(Line(f"{name}: truncated, it lists more than PROVIDER_MAX_ROWS", style="yellow"))
        page += [
            Line(f"{name}: {number(n)} x {reason}" if n else f"{name}: {reason}", style="dim")
            for reason, n in each["rejected"].items()
        ]
    return page


def breakers_page(found: Json) -> Page:
    """Each market's breaker and its operation classes."""
    rows: list[Sequence[Cell]] = []
    for name, each in found.items():
        rows.append(_breaker_row(name, "all", each))
        rows += [_breaker_row("", operation, one) for operation, one in (each.get("classes") or {}).items()]
    page: list[Block] = [Grid(_BREAKER, rows)]
    if any(each["state"] != "CLOSED" for each in found.values()):
        page += [
            BLANK,
            next_steps(("aurora breakers reset NAME", "close it; the market is asked again at once")),
        ]
    return page


def reset_page(found: Json) -> Page:
    """What was closed."""
    reset = found.get("reset") or {}
    closed = ", ".join(reset.get("classes") or ()) or "all"
    page: list[Block] = [
        Line(f"{found['provider']}: breaker {found['state']} (reset: {closed}; by {reset.get('by', 'you')})")
    ]
    if found["state"] == "CLOSED":
        page.append(
            Line("A pause that the market itself asked for stays; `aurora health` shows it.", style="dim")
        )
    return page


def health_page(alive: Json, ready: Json, markets: Json) -> Page:
    """This Aurora, then its markets."""
    checks = ", ".join(f"{name} {'ok' if good else 'missing'}" for name, good in ready["checks"].items())
    summary = markets["summary"]
    total, *states = [(name, number(value)) for name, value in summary.items()]
    counted = f"{total[1]} in use, {', '.join(f'{value} {name}' for name, value in states)}"
    facts: list[tuple[str, Cell]] = [
        ("Aurora", f"{alive['version']}, {alive['mode']} mode, up {lasting(alive['uptime_seconds'])}"),
        (
            "Ready",
            tone("ready" if ready["ready"] else "no", f"{'yes' if ready['ready'] else 'no'}: {checks}"),
        ),
        ("Markets", tone(markets["status"], f"{markets['status']}: {counted}")),
    ]
    rows = [_health_row(name, each) for name, each in markets["providers"].items()]
    return [Facts(facts), BLANK, Grid(_HEALTH, rows), *_reasons(markets["providers"])]


def policies_page(found: Json) -> Page:
    """How offers can be scored."""
    page: list[Block] = []
    for each in found["policies"]:
        weights = ", ".join(f"{term} {short(weight)}" for term, weight in each["weights"].items())
        own = "; --weight replaces them" if each["per_request"] else ""
        page += [
            Line(f"{each['name']}{' (default)' if each['default'] else ''}", style="bold"),
            Line(each["description"], indent=2),
            Line(f"Weights: {weights or 'none'}{own}", style="dim", indent=2),
        ]
    return page


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _catalogue_words(states: Mapping[str, Json]) -> list[str]:
    """One line per market: never a silently short list."""
    found = []
    for name, state in states.items():
        error = f"; last error: {state['last_error']}" if state["last_error"] else ""
        read = (
            f"{share(state['completeness'])} of the catalogue" if state["completeness"] is not None else "not"
        )
        found.append(f"{name}: {read} read {age(state['age_seconds'])}{error}")
    return found


_OFFER = (
    Column("Offer", shortest=15, middle=True),
    Column("GPU", shortest=18),
    Column("VRAM", rank=3, right=True),
    Column("$/GPU-h", right=True),
    Column("$/h", rank=5, right=True),
    Column("Price"),
    Column("Region", shortest=8),
    Column("Country", rank=7),
    Column("Free", rank=4, right=True),
    Column("Spot", rank=7),
    Column("G", rank=5, right=True),
    Column("Rep.", rank=2, right=True),
    Column("Seen", rank=8),
)


def _offer_row(each: Json) -> Sequence[Cell]:
    return (
        each["id"],
        f"{each['gpu_count']} x {each['gpu_type']}",
        NOTHING if each["vram_gb"] is None else f"{short(each['vram_gb'])} GB",
        usd(each["price_usd_per_gpu_hour"]),
        usd(each["price_per_hour"]),
        each["price_kind"],
        each["region"] or "unknown",
        each["country"] or NOTHING,
        number(each["available"]),
        "yes" if each["spot"] else NOTHING,
        number(each["g_score"]),
        number(each["reputation"]),
        age(each["age_seconds"]),
    )


_PROVIDER = (
    Column("Provider"),
    Column("Status"),
    Column("Offers", right=True),
    Column("Complete", right=True),
    Column("Read", rank=1),
    Column("Rep.", rank=3, right=True),
    Column("Unknown GPUs", rank=4, right=True),
    Column("Can", rank=2, shortest=16),
)
_CAPABILITIES = ("deploy", "logs", "spot", "custom_sizes", "command", "ports", "disk", "private_registry")


def _provider_row(each: Json) -> Sequence[Cell]:
    able = _mapping(each["capabilities"])
    seen = each.get("age_seconds")
    return (
        each["name"],
        tone(each["status"]),
        number(each["offers"]),
        share(each["completeness"]),
        Styled(age(seen), "yellow") if seen is not None and seen > _STALE_S else age(seen),
        number(each["reputation"]),
        number(each["unknown_gpus"]),
        ", ".join(name.replace("_", " ") for name in _CAPABILITIES if able.get(name)) or NOTHING,
    )


_SYNC = (
    Column("Provider"),
    Column("Outcome"),
    Column("Seen", right=True),
    Column("New", right=True),
    Column("Changed", right=True),
    Column("Gone", right=True),
    Column("Rejected", rank=1, right=True),
    Column("Complete", right=True),
    Column("Seconds", rank=2, right=True),
)


def _sync_row(name: str, each: Json) -> Sequence[Cell]:
    return (
        name,
        tone(each["outcome"]),
        number(each["seen"]),
        number(each["new"]),
        number(each["changed"]),
        number(each["gone"]),
        number(sum(each["rejected"].values())),
        share(each["completeness"]),
        number(each["seconds"], places=1),
    )


_BREAKER = (
    Column("Provider"),
    Column("Class"),
    Column("State"),
    Column("Failures", right=True),
    Column("Successes", rank=2, right=True),
    Column("Trips", right=True),
    Column("Asks again", rank=1),
    Column("Last failure", rank=3),
)


def _breaker_row(name: str, operation: str, each: Json) -> Sequence[Cell]:
    wait = each.get("next_attempt_in")
    return (
        name,
        operation,
        tone(each["state"]),
        number(each["failure_count"]),
        number(each["success_count"]),
        number(each["trip_count"]),
        NOTHING if wait is None else f"in {lasting(wait)}",
        day_and_time(each["last_failure_time"]),
    )


_HEALTH = (
    Column("Provider"),
    Column("Status"),
    Column("Success", right=True),
    Column("Answers in", rank=1, right=True),
    Column("Breaker"),
    Column("Rate used", rank=2, right=True),
)


def _health_row(name: str, each: Json) -> Sequence[Cell]:
    breaker = each["circuit_breaker"]
    return (
        name,
        tone(each["status"]),
        share(each["success_rate"]),
        number(each["avg_response_time"], unit="ms"),
        NOTHING if breaker is None else tone(breaker),
        share(each["rate_limit_utilization"]),
    )


def _reasons(providers: Mapping[str, Json]) -> list[Block]:
    told = [(name, each.get("reason")) for name, each in providers.items()]
    return [Line(f"{name}: {reason}", style="yellow") for name, reason in told if reason]
