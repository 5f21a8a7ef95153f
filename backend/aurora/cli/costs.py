"""`aurora costs`: what deployments have cost, as Aurora has metered it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from aurora.cli.client import Answer, Client, Json
from aurora.cli.figures import NOTHING, day_and_time, lasting, plural, priced, usd
from aurora.cli.pages import BLANK, Block, Cell, Column, Grid, Line, Page, heading, next_steps, tone

_PAGE = 200
COUNTED = (
    "Counted: for every attempt the price the market charges (else the one quoted) times the time its meter ran, "
    "up to Aurora's last look. Not counted: what the market bills beside it, such as traffic or taxes; its invoice "
    "decides."
)


def ledger(client: Client, query: Mapping[str, Any], *, limit: int) -> Answer:
    """The newest `limit` deployments with totals. What ran on several markets is split by attempt."""
    rows, more = _deployments(client, query, limit)
    shares = {row["id"]: _shares(client, row) for row in rows}
    document = {
        "deployments": [{**_row(row), "by_provider": _plain(shares[row["id"]])} for row in rows],
        "total_usd": float(sum((_usd(row) for row in rows), start=Decimal(0))),
        "by_provider": _plain(_added(shares.values())),
        "by_status": _plain(_added({row["status"]: _usd(row)} for row in rows)),
        "more": more,
        "counted": COUNTED,
        "emulated": any(row["emulated"] for row in rows),
    }
    return Answer(json.dumps(document))


def costs_page(found: Json) -> Page:
    """Per deployment, then totals."""
    rows = found["deployments"]
    if not rows:
        return [
            Line("No deployments, no costs."),
            BLANK,
            next_steps(("aurora route --gpu a100", "start one")),
        ]
    page: list[Block] = [Grid(_COLUMNS, [_shown(row) for row in rows]), BLANK]
    page += [
        heading(f"In all {usd(found['total_usd'])} for {plural(len(rows), 'deployment')}{_emulated(found)}"),
        Grid((Column("By market"), Column("Cost", right=True)), _totals(found["by_provider"]), indent=2),
        Grid((Column("By status"), Column("Cost", right=True)), _totals(found["by_status"]), indent=2),
        BLANK,
    ]
    if found["more"]:
        page.append(Line("Older deployments are not counted; --limit takes more.", style="yellow"))
    return [*page, Line(found["counted"], style="dim")]


def _deployments(client: Client, query: Mapping[str, Any], limit: int) -> tuple[list[Json], bool]:
    rows: list[Json] = []
    cursor = None
    while True:
        asked = {**query, "limit": min(_PAGE, limit - len(rows)), "cursor": cursor}
        answer = client.get("/deployments", asked).data
        rows += answer["deployments"]
        cursor = answer["next_cursor"]
        if cursor is None or len(rows) >= limit:
            return rows, cursor is not None


def _shares(client: Client, row: Json) -> Mapping[str, Decimal]:
    """Cost by market. Only a deployment with several attempts has to be asked for them."""
    if row["attempt"] <= 1:
        return {row["provider"] or "none": _usd(row)}
    attempts = client.get(f"/deployments/{row['id']}").data["attempts"]
    return _added({each["provider"]: Decimal(str(each["cost_usd"]))} for each in attempts)


def _added(parts: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, Decimal(0)) + amount
    return total


def _plain(amounts: Mapping[str, Decimal]) -> dict[str, float]:
    return {name: float(amount) for name, amount in sorted(amounts.items())}


def _usd(row: Json) -> Decimal:
    return Decimal(str(row["cost_usd"]))


def _row(row: Json) -> Json:
    prices = row["prices"] or {}
    rate = prices.get("usd_per_hour")
    return {
        "id": row["id"],
        "status": row["status"],
        "provider": row["provider"],
        "gpu_type": row["gpu_type"],
        "gpu_count": row["gpu_count"],
        "usd_per_hour": None if rate is None else float(rate),
        "price_kind": prices.get("price_kind"),
        "running_seconds": float(row["running_seconds"]),
        "cost_usd": float(row["cost_usd"]),
        "max_total_cost_usd": float(row["max_total_cost_usd"]),
        "created_at": row["created_at"],
    }


_COLUMNS = (
    Column("Deployment"),
    Column("Status"),
    Column("Market", rank=1),
    Column("GPU", rank=3),
    Column("Created", rank=4),
    Column("Ran", right=True),
    Column("$/h", rank=2, right=True),
    Column("Cost", right=True),
    Column("Limit", rank=5, right=True),
)


def _shown(row: Json) -> Sequence[Cell]:
    markets = row["by_provider"]
    return (
        row["id"],
        tone(row["status"]),
        ", ".join(markets) or NOTHING,
        f"{row['gpu_count']} x {row['gpu_type']}",
        day_and_time(row["created_at"]),
        lasting(row["running_seconds"]),
        priced(row["usd_per_hour"], row["price_kind"]),
        usd(row["cost_usd"]),
        usd(row["max_total_cost_usd"], places=2),
    )


def _totals(amounts: Mapping[str, Any]) -> list[Sequence[Cell]]:
    return [(name, usd(amount)) for name, amount in amounts.items()]


def _emulated(found: Json) -> str:
    return " (emulated: no real money)" if found["emulated"] else ""
