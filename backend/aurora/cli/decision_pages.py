"""A decision as a person would explain it."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from aurora.cli.client import Json
from aurora.cli.durations import written
from aurora.cli.figures import (
    NOTHING,
    clock_time,
    date_and_time,
    lasting,
    limit_usd,
    number,
    plural,
    short,
    usd,
)
from aurora.cli.pages import BLANK, Block, Cell, Column, Facts, Grid, Line, Page, Styled, heading

_MANY_REASONS = frozenset({"capacity", "capability", "provider"})
_TERM_TITLES = {"reputation": "rep.", "availability": "avail.", "latency": "lat.", "time_to_running": "start"}


def decision_page(decision: Json, *, tried: Mapping[str, int], top: int) -> Page:
    """What was asked, who was eliminated and why, the ranking by term. `tried`: attempts by offer."""
    return [
        *asked_page(decision),
        BLANK,
        *eliminated_page(decision),
        *_ranking_page(decision, tried=tried, top=top),
        *_relaxations_page(decision),
    ]


def asked_page(decision: Json) -> Page:
    """The request, with the limits that nobody had to write."""
    asked = decision["request"]
    work = asked.get("workload") or {}
    facts: list[tuple[str, Cell]] = [
        ("Workload", f"{asked['workload_type']}, {_running_words(asked)}"),
        ("GPU", f"{_gpus(asked)} in {asked['region']}"),
        ("Limits", "; ".join(_limits(asked))),
        ("Container", _container(work)),
    ]
    if preferences := _preferences(asked):
        facts.append(("Also", preferences))
    return [heading("What was asked"), Facts(facts, indent=2)]


def eliminated_page(decision: Json) -> Page:
    """Every offer was either ranked, or refused by one filter: the numbers add up."""
    counts = dict(decision["counts"])
    total, ranked = counts.pop("total", 0), counts.pop("ranked", 0)
    when = date_and_time(decision["at"])
    rows: list[Sequence[Cell]] = [
        (
            number(count),
            reason,
            _seen_words(decision, reason) or elimination_words(reason, decision["request"]),
        )
        for reason, count in counts.items()
    ]
    rows.append((number(ranked), Styled("ranked", "green"), "met every limit"))
    return [
        heading("Who was eliminated, and why"),
        Line(f"{plural(total, 'offer')} known at {when}; the first filter that refuses counts.", indent=2),
        Grid((Column("Offers", right=True), Column("Filter"), Column("", shortest=20)), rows, indent=2),
    ]


def elimination_words(reason: str, asked: Json) -> str:
    """What the filter refused, in the words of this request."""
    vram = "less memory per GPU than asked for"
    if asked.get("min_vram_gb") is not None:
        vram = f"less than {short(asked['min_vram_gb'])} GB per GPU"
    words = {
        "region": f"not in {asked['region']}",
        "gpu": f"another GPU than {asked['gpu_type']}",
        "count": f"not {plural(asked['gpu_count'], 'GPU')}",
        "vram": vram,
        "latency": f"further than {short(asked['max_latency_ms'])} ms away",
        "reputation": f"reputation below {short(asked['min_reputation'])}",
        "price": f"above {limit_usd(asked['max_price'])} per GPU-hour, or too much for the whole run",
        "capacity": "nothing free, or refused for want of capacity a moment ago",
        "capability": "cannot run this container (command, ports, disk, registry, shortest rental)",
        "spot": "may be taken away",
        "provider": "excluded, disabled, or cannot create now",
        "stale": "the offer was not seen lately",
        "g_score": "G-Score below what was asked for",
    }
    return words.get(reason, reason)


def _seen_words(decision: Json, reason: str) -> str:
    """Where one filter has many reasons: those of its examples."""
    kept = (decision.get("eliminated") or {}).get(reason) or {}
    if reason not in _MANY_REASONS:
        return ""
    return "; ".join(dict.fromkeys(each["detail"] for each in kept.get("examples") or ()))


def _ranking_page(decision: Json, *, tried: Mapping[str, int], top: int) -> Page:
    ranked = decision["candidates"]
    if not ranked:
        return []
    counted = decision["counts"].get("ranked", len(ranked))
    shown = _shown(ranked, chosen=decision["chosen"], tried=tried, top=top)
    terms = list(ranked[0]["terms"])
    page: list[Block] = [
        BLANK,
        heading(f"The ranking (policy {decision['policy']}; score = {' + '.join(terms)})"),
        Grid(
            _ranking_columns(terms),
            [_ranked_row(place, each, terms, decision["chosen"], tried) for place, each in shown],
            indent=2,
        ),
    ]
    if counted > len(shown):
        page.append(Line(f"and {plural(counted - len(shown), 'more offer')}; --top shows up to 20", "dim", 2))
    kinds = " and ".join(sorted({each["price_kind"] for _, each in shown}))
    page.append(Line(f"Prices: {kinds}, all in, as seen {_seen(shown)}.", "dim", 2))
    return [*page, *_margin(ranked)]


def _seen(shown: Sequence[tuple[int, Json]]) -> str:
    """When the oldest and the newest of them were read."""
    times = sorted({clock_time(each["seen_at"]) for _, each in shown})
    return f"at {times[0]} UTC" if len(times) == 1 else f"between {times[0]} and {times[-1]} UTC"


def _shown(
    ranked: Sequence[Json], *, chosen: str | None, tried: Mapping[str, int], top: int
) -> list[tuple[int, Json]]:
    """The best, and those on which something was tried."""
    places = enumerate(ranked, start=1)
    return [(n, each) for n, each in places if n <= top or each["offer"] == chosen or each["offer"] in tried]


def _ranking_columns(terms: Iterable[str]) -> tuple[Column, ...]:
    return (
        Column("#", right=True),
        Column("Offer", shortest=15, middle=True),
        Column("GPU", rank=2),
        Column("Place", rank=3, shortest=8),
        Column("$/GPU-h", right=True),
        Column("Price", rank=1),
        Column("ms", rank=4, right=True),
        Column("Rep.", rank=5, right=True),
        *(Column(_TERM_TITLES.get(term, term), right=True) for term in terms),
        Column("score", right=True),
        Column("", shortest=6),
    )


def _ranked_row(
    place: int, each: Json, terms: Iterable[str], chosen: str | None, tried: Mapping[str, int]
) -> Sequence[Cell]:
    offer = each["offer"]
    marks = ["chosen"] if offer == chosen else []
    if offer in tried and (offer != chosen or tried[offer] > 1):
        marks.append(f"attempt {tried[offer]}")
    return (
        str(place),
        Styled(offer, "bold") if offer == chosen else offer,
        f"{each['gpu_count']} x {each['gpu_type']}",
        each["region"] or ",".join(each["regions"]) or "unknown",
        usd(each["usd_per_gpu_hour"]),
        each["price_kind"],
        number(each["latency_ms"]),
        number(each["reputation"]),
        *(number(each["terms"].get(term), places=3) for term in terms),
        number(each["score"], places=3),
        Styled(", ".join(marks), "green") if marks else "",
    )


def _margin(ranked: Sequence[Json]) -> Page:
    """By what the first is ahead of the second."""
    if len(ranked) < 2:
        return [Line("It was the only one.", indent=2)]
    first, second = ranked[0], ranked[1]
    lead = Decimal(str(first["score"])) - Decimal(str(second["score"]))
    if round(lead, 3) == 0:
        return [Line("Equal scores are decided by the lower price, then by name.", indent=2)]
    parts = [
        (term, Decimal(str(value)) - Decimal(str(second["terms"].get(term, 0))))
        for term, value in first["terms"].items()
    ]
    said = ", ".join(f"{term} {difference:+.3f}" for term, difference in parts if round(difference, 3))
    return [Line(f"Ahead of the next by {lead:.3f}: {said}.", indent=2)]


def _relaxations_page(decision: Json) -> Page:
    """Only where nothing was found."""
    if decision["chosen"]:
        return []
    texts = [each["text"] for each in decision.get("relaxations") or ()]
    said = [Line(text, indent=2) for text in texts] or [Line("No change of one or two limits.", indent=2)]
    return [BLANK, heading("What would help, nearest first"), *said]


def _gpus(asked: Json) -> str:
    larger = " or more" if asked.get("allow_larger") else ""
    return f"{asked['gpu_count']}{larger} x {asked['gpu_type']}"


def _running_words(asked: Json) -> str:
    hours, count = Decimal(str(asked["gpu_hours"])), int(asked["gpu_count"])
    ran = written(hours / count * 3600)
    return f"{short(hours)} GPU-hours: {ran} of running" if count > 1 or hours != 1 else f"{ran} of running"


def _limits(asked: Json) -> list[str]:
    found = [f"at most {limit_usd(asked['max_price'])} per GPU-hour"]
    if asked.get("max_total_cost") is not None:
        found.append(f"{limit_usd(asked['max_total_cost'])} in all")
    found.append(f"{short(asked['max_latency_ms'])} ms")
    found.append(f"reputation {short(asked['min_reputation'])} or better")
    if asked.get("min_vram_gb") is not None:
        found.append(f"{short(asked['min_vram_gb'])} GB per GPU or more")
    if asked.get("min_g_score") is not None:
        found.append(f"G-Score {short(asked['min_g_score'])} or better")
    return found


def _container(work: Json) -> str:
    parts = [str(work.get("image") or NOTHING)]
    if work.get("disk_gb"):
        parts.append(f"{short(work['disk_gb'])} GB of disk")
    if work.get("ports"):
        parts.append(f"port {', '.join(work['ports'])}")
    if work.get("env_names"):
        parts.append(f"variables {', '.join(work['env_names'])}")
    return ", ".join(parts)


def _preferences(asked: Json) -> str:
    found = []
    if asked.get("providers"):
        found.append(f"only {', '.join(asked['providers'])}")
    if asked.get("exclude_providers"):
        found.append(f"not {', '.join(asked['exclude_providers'])}")
    if asked.get("spot") is False:
        found.append("nothing that may be taken away")
    return "; ".join(found)


def events_page(events: Sequence[Json], attempts: Sequence[Json]) -> Page:
    """What happened, by attempt."""
    page: list[Block] = [BLANK, heading("What happened (UTC)")]
    current = 1
    grouped: dict[int, list[Json]] = {each["number"]: [] for each in attempts} or {1: []}
    for event in events:
        current = event["attempt"] or current
        grouped.setdefault(current, []).append(event)
    by_number = {each["number"]: each for each in attempts}
    for count, told in sorted(grouped.items()):
        page.append(Line(_attempt_words(count, by_number.get(count)), indent=2))
        width = max((len(each["kind"]) for each in told), default=0)
        lines = [
            (_event_name(each, width), Styled(each["message"], _event_style(each["kind"]))) for each in told
        ]
        page.append(Facts(lines, indent=4))
    return page


def _attempt_words(count: int, attempt: Json | None) -> str:
    if attempt is None:
        return f"Attempt {count}"
    instance = f", instance {attempt['external_id']}" if attempt["external_id"] else ", nothing was created"
    host = f" on host {attempt['host']}" if attempt.get("host") else ""
    end = f" ({attempt['end_reason']})" if attempt["end_reason"] else ""
    return f"Attempt {count}: {attempt['offer_id']}{host}{instance}: {attempt['state']}{end}"


def _event_name(event: Json, width: int) -> str:
    return f"{clock_time(event['at'])}  {event['kind'].replace('_', ' '):{width}}"


def _event_style(kind: str) -> str:
    if kind in {"refused", "start_failed", "start_timeout", "vanished", "giving_up", "price_above_ceiling"}:
        return "red"
    return "green" if kind == "running" else ""


def cost_page(deployment: Json) -> Page:
    """What each attempt cost, by which price and for how long."""
    rows = [_cost_row(each) for each in deployment.get("attempts") or ()]
    total = f"{usd(deployment['cost_usd'])} of at most {limit_usd(deployment['max_total_cost_usd'])}"
    return [
        BLANK,
        heading("What it cost"),
        Grid(
            (
                Column("Attempt", right=True),
                Column("Provider"),
                Column("$/h", right=True),
                Column("Price", rank=1),
                Column("Decided at", rank=3, right=True),
                Column("From running to end", rank=2),
                Column("Cost", right=True),
            ),
            rows,
            indent=2,
        ),
        Line(
            f"In all {total}; ran {lasting(deployment['running_seconds'])}, up to Aurora's last look.",
            indent=2,
        ),
    ]


def _cost_row(each: Json) -> Sequence[Cell]:
    prices: dict[str, Any] = each["prices"]
    charged = prices.get("charged_usd_per_hour") is not None
    ended = clock_time(each["ended_at"]) if each["ended_at"] else "now"
    return (
        str(each["number"]),
        each["provider"],
        usd(prices["usd_per_hour"]),
        "charged" if charged else str(prices["price_kind"]),
        usd(prices["decided_usd_per_hour"]),
        f"{clock_time(each['running_at'])} to {ended}" if each["running_at"] else "never ran",
        usd(each["cost_usd"]),
    )
