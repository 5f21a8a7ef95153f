"""One deployment, many deployments, and the answer to a request for one, as people read them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from aurora.cli.client import Json
from aurora.cli.figures import (
    NOTHING,
    clock_time,
    cost,
    date_and_time,
    lasting,
    limit_usd,
    number,
    plural,
    priced,
    usd,
)
from aurora.cli.pages import BLANK, Block, Cell, Column, Facts, Grid, Line, Page, heading, next_steps, tone
from aurora.cli.waiting import ENDED


def route_page(answer: Json) -> Page:
    """What was chosen, why, and how to go on."""
    if answer["provider"] is None:
        return _no_capacity_page(answer)
    deployment = answer.get("deployment") or {}
    name = answer["deployment_id"]
    facts: list[tuple[str, Cell]] = [
        ("Deployment", name or "none: this only decided"),
        *([("Status", _status(answer["status"], answer.get("reason")))] if name else []),
        ("Offer", _offer(answer)),
        ("Price", _price(answer)),
        ("Latency", f"{number(answer['estimated_latency_ms'], unit='ms')} estimated"),
        *_endpoints(deployment.get("endpoints") or ()),
        ("Why", str(answer["rationale"])),
        *_emulated(answer),
    ]
    return [Facts(facts), *_route_next(answer)]


def deployment_page(deployment: Json) -> Page:
    """Where a deployment stands."""
    facts: list[tuple[str, Cell]] = [
        ("Deployment", deployment["id"]),
        ("Status", _status(_phased(deployment), deployment.get("detail") or deployment.get("reason"))),
        ("Workload", workload_words(deployment)),
        ("Where", _where(deployment)),
        *_endpoints(() if deployment["status"] in ENDED else deployment.get("endpoints") or ()),
        ("Price", price_words(deployment.get("prices"))),
        ("Cost", _cost(deployment)),
        ("Time", _time(deployment)),
        ("Created", date_and_time(deployment["created_at"])),
        *([("Ended", date_and_time(deployment["ended_at"]))] if deployment.get("ended_at") else []),
        *_emulated(deployment),
    ]
    attempts = deployment.get("attempts") or ()
    page: list[Block] = [Facts(facts)]
    if len(attempts) > 1:
        page += [BLANK, attempts_grid(attempts)]
    return [*page, *_deployment_next(deployment)]


def deployments_page(found: Json) -> Page:
    """The list, newest first."""
    rows = found["deployments"]
    if not rows:
        return [Line("No deployments."), *_steps(("aurora route --gpu a100 --duration 1h", "start one"))]
    page: list[Block] = [Grid(_LIST, [_list_row(each) for each in rows])]
    if found.get("next_cursor"):
        page += [
            BLANK,
            Line(f"The newest {plural(len(rows), 'deployment')}; --limit shows more.", style="dim"),
        ]
    return page


def attempts_grid(attempts: Sequence[Json]) -> Grid:
    """Every try, with what it cost."""
    return Grid(
        (
            Column("Attempt", right=True),
            Column("Offer", shortest=15, middle=True),
            Column("Instance", rank=3),
            Column("State"),
            Column("$/h", rank=1, right=True),
            Column("Cost", right=True),
            Column("Ended", rank=2),
        ),
        [
            (
                str(each["number"]),
                each["offer_id"],
                each["external_id"] or NOTHING,
                tone(each["state"]),
                usd(each["prices"]["usd_per_hour"]),
                cost(each["cost_usd"]),
                each["end_reason"] or NOTHING,
            )
            for each in attempts
        ],
    )


def workload_words(deployment: Json) -> str:
    """`llm_inference on 1 x a100 in us-west`."""
    what = deployment.get("workload_type") or "general"
    return f"{what} on {deployment.get('gpu_count')} x {deployment.get('gpu_type')} in {deployment.get('region')}"


def price_words(prices: Json | None) -> str:
    """`$0.6610/h, charged`: the best known price, and how it is known."""
    if not prices:
        return NOTHING
    how = next(
        word for word in ("charged", "quoted", "decided") if prices.get(f"{word}_usd_per_hour") is not None
    )
    age = lasting(prices["age_seconds"])
    return f"{usd(prices['usd_per_hour'])}/h, {prices['price_kind']} ({how}, {age} old)"


def _status(status: str, reason: Any) -> Cell:
    return tone(status.partition(" ")[0], f"{status}: {reason}" if reason else status)


def _phased(deployment: Json) -> str:
    phase = deployment.get("phase")
    return (
        f"{deployment['status']} ({phase})"
        if phase and phase != deployment["status"]
        else deployment["status"]
    )


def _offer(answer: Json) -> str:
    place = answer["region"] or "place unknown"
    return f"{answer['offer_id']}: {answer['gpu_count']} x {answer['gpu_type']}, {place}"


def _price(answer: Json) -> str:
    age = "" if answer["price_age_seconds"] is None else f", {lasting(answer['price_age_seconds'])} old"
    per_gpu = f" ({usd(answer['price_usd_per_gpu_hour'])} per GPU)" if answer["gpu_count"] != 1 else ""
    return f"{usd(answer['price_usd_per_hour'])}/h{per_gpu}, {answer['price_kind']}{age}"


def _endpoints(endpoints: Sequence[Json]) -> list[tuple[str, Cell]]:
    words = [
        f"{each.get('url') or each.get('host')}{' (port ' + str(each['port']) + ')' if each.get('port') else ''}"
        for each in endpoints
    ]
    return [("Endpoint" if len(words) == 1 else "Endpoints", "\n".join(words))] if words else []


def _where(deployment: Json) -> str:
    if not deployment.get("provider"):
        return NOTHING
    told = f"{deployment['provider']}, attempt {deployment['attempt']}"
    attempts = deployment.get("attempts") or ()
    if not attempts or not attempts[-1]["external_id"]:
        return told
    return f"{told}: offer {attempts[-1]['offer_id']}, instance {attempts[-1]['external_id']}"


def _cost(deployment: Json) -> str:
    told = "in all" if deployment["status"] in ENDED else "so far"
    return f"{cost(deployment['cost_usd'])} {told}, at most {limit_usd(deployment['max_total_cost_usd'])}"


def _time(deployment: Json) -> str:
    ran, allowed = deployment["running_seconds"], deployment["allowed_seconds"]
    left = max(Decimal(0), Decimal(str(allowed)) - Decimal(str(ran)))
    told = f"ran {lasting(ran)} of {lasting(allowed)}"
    return told if deployment["status"] in ENDED else f"{told}, {lasting(left)} left"


def _emulated(answer: Json) -> list[tuple[str, Cell]]:
    return [("Emulated", "yes: no real machine, no real money")] if answer.get("emulated") else []


def _route_next(answer: Json) -> list[Block]:
    name = answer["deployment_id"]
    if name is None:
        return _steps(("the same without --dry-run", "deploy it"))
    if answer["status"] in ENDED:
        return _steps((f"aurora why {name}", "what happened"))
    if answer["status"] == "running":
        return _steps(
            (f"aurora logs {name} --follow", "read its log"), (f"aurora terminate {name}", "end it")
        )
    return _steps((f"aurora status {name} --watch", "see it start"), (f"aurora terminate {name}", "end it"))


def _deployment_next(deployment: Json) -> list[Block]:
    name, status = deployment["id"], deployment["status"]
    if status in ENDED:
        return _steps(
            (f"aurora why {name}", "what happened, and what it cost"),
            (f"aurora logs {name}", "its last lines"),
        )
    if status == "terminating":
        return _steps((f"aurora terminate {name} --wait", "wait until it is confirmed"))
    return _steps(
        (f"aurora logs {name} --follow", "read its log"),
        (f"aurora extend {name} 1h", "give it more time"),
        (f"aurora terminate {name}", "end it"),
    )


def _steps(*steps: tuple[str, str]) -> list[Block]:
    return [BLANK, next_steps(*steps)]


def _no_capacity_page(answer: Json) -> Page:
    page: list[Block] = [
        Line(without_relaxations(str(answer["reason"] or answer["rationale"])), style="yellow"),
        Facts(_emulated(answer)),
    ]
    if answer["relaxations"]:
        page += [BLANK, heading("What would help, nearest first")]
        page += [Line(each, indent=2) for each in answer["relaxations"]]
    steps = [("aurora whatif (the same options)", "every limit by itself, with the price")]
    if answer["decision_id"]:
        steps.insert(0, (f"aurora why {answer['decision_id']}", "the whole decision"))
    return [*page, *_steps(*steps)]


def without_relaxations(reason: str) -> str:
    """The nearest relaxations are listed by themselves."""
    return reason.partition(" Nearest: ")[0]


_LIST = (
    Column("Deployment"),
    Column("Status"),
    Column("Provider", rank=2),
    Column("GPU", shortest=8),
    Column("Region", rank=4),
    Column("$/h", rank=3, right=True),
    Column("Cost", right=True),
    Column("Ran", rank=5),
    Column("Created", rank=1),
    Column("Reason", rank=6, shortest=10),
)


def _list_row(each: Json) -> Sequence[Cell]:
    prices = each.get("prices") or {}
    return (
        each["id"],
        tone(each["status"]),
        each["provider"] or NOTHING,
        f"{each['gpu_count']} x {each['gpu_type']}",
        each["region"] or NOTHING,
        priced(prices.get("usd_per_hour"), prices.get("price_kind")),
        cost(each["cost_usd"]),
        lasting(each["running_seconds"]),
        f"{str(each['created_at'])[:10]} {clock_time(each['created_at'])[:5]}",
        each["reason"] or NOTHING,
    )
