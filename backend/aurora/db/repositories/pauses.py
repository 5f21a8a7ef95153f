"""Pauses that a provider asked for: a restart must not forget the dated ones, all replicas must keep both kinds.

A dated one (a quota until midnight) has the provider's own time. The others (Retry-After) are seconds from the answer
on, counted by Postgres's clock; they are kept under the endpoint's name with a mark before it.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.health_tables import provider_pauses as rows

_UNDATED = "~"
_WHOLE = "*"
"""Stands for the whole provider: a key column cannot be null."""
_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent to `endpoint` of `provider` before `until`."""

    provider: str
    endpoint: str | None
    """The provider's own limit class; None: the whole provider."""
    until: datetime
    reason: str


async def save(connection: AsyncConnection, pause: Pause) -> None:
    """Keep the pause; the provider's latest date for an endpoint replaces the one before."""
    insert = _INSERT[connection.dialect.name](rows).values(
        asdict(pause) | {"endpoint": pause.endpoint or _WHOLE}
    )
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=["provider", "endpoint"],
            set_={"until": insert.excluded.until, "reason": insert.excluded.reason},
        )
    )


async def current(connection: AsyncConnection, now: datetime) -> list[Pause]:
    """The dated pauses that still hold at `now`."""
    dated = rows.c.endpoint.not_like(f"{_UNDATED}%")
    query = select(rows).where(rows.c.until > now, dated).order_by(rows.c.provider, rows.c.endpoint)
    return [
        Pause(row.provider, None if row.endpoint == _WHOLE else row.endpoint, row.until, row.reason)
        for row in await connection.execute(query)
    ]


async def drop_expired(connection: AsyncConnection, now: datetime) -> int:
    """Forget what no longer holds; answers how many."""
    return int((await connection.execute(delete(rows).where(rows.c.until <= now))).rowcount)


_HOLD = text("""
INSERT INTO provider_pauses AS known (provider, endpoint, until, reason)
VALUES (:provider, :endpoint, COALESCE(CAST(:until AS timestamptz),
  clock_timestamp() + make_interval(secs => :seconds)), :reason)
ON CONFLICT (provider, endpoint) DO UPDATE SET until = excluded.until, reason = excluded.reason
WHERE known.until < excluded.until
""")

_HOLDING = text("""
SELECT provider, endpoint, until, reason, EXTRACT(EPOCH FROM until - clock_timestamp()) AS left_s
FROM provider_pauses WHERE until > clock_timestamp()
""")

_END = text("DELETE FROM provider_pauses WHERE provider = :provider AND starts_with(endpoint, :undated)")


@dataclass(frozen=True, slots=True)
class SharedPause:
    """One that holds now, for `left_s` more seconds."""

    provider: str
    endpoint: str | None
    until: datetime
    reason: str
    dated: bool
    left_s: float


async def share(connection: AsyncConnection, pause: Pause, *, seconds: float | None) -> None:
    """Keep it for all replicas, until its date or, not dated, for `seconds`; the longer one stands. Postgres only."""
    endpoint = pause.endpoint or _WHOLE
    values = {
        "provider": pause.provider,
        "endpoint": endpoint if seconds is None else f"{_UNDATED}{endpoint}",
        "until": pause.until if seconds is None else None,
        "seconds": seconds or 0.0,
        "reason": pause.reason,
    }
    await connection.execute(_HOLD, values)


async def holding(connection: AsyncConnection) -> list[SharedPause]:
    """Those that hold now, by the database's clock. Postgres only."""
    found = []
    for row in await connection.execute(_HOLDING):
        dated = not row.endpoint.startswith(_UNDATED)
        name = row.endpoint if dated else row.endpoint.removeprefix(_UNDATED)
        endpoint = None if name == _WHOLE else name
        found.append(SharedPause(row.provider, endpoint, row.until, row.reason, dated, float(row.left_s)))
    return found


async def end_undated(connection: AsyncConnection, provider: str) -> None:
    """A person says that the provider is well again; its own dates stand."""
    await connection.execute(_END, {"provider": provider, "undated": _UNDATED})
