"""What one look at the database brings: everything that other replicas may have changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.repositories import breakers, holds, leases, pauses, rate_buckets, reputation, sync_runs
from aurora.db.repositories.breakers import BreakerKey
from aurora.db.repositories.held_rows import HeldNow, HeldRows
from aurora.db.repositories.pauses import SharedPause
from aurora.db.repositories.sync_runs import EndedRun
from aurora.domain.clock import Clock
from aurora.replicas.sync import ASKED
from aurora.resilience.shared import SharedState


@dataclass(frozen=True, slots=True)
class Look:
    """All of one moment."""

    at: datetime
    """Our clock, before the first question."""
    began: float
    """The same on its monotonic scale."""
    breakers: Mapping[BreakerKey, SharedState]
    refused: Mapping[str, set[str]]
    """Marks of refused credentials, by provider."""
    pauses: Sequence[SharedPause]
    levels: Mapping[str, float]
    """Tokens left, by bucket."""
    ended: Mapping[str, EndedRun]
    newest_run: Mapping[str, int]
    asked: Mapping[str, str]
    """Syncs that are wanted now: who wants them, by lease."""
    holds_version: tuple[Any, ...]
    holds: HeldNow | None
    """None: the same as at the look before."""
    newest_outcome: int


async def look(
    connection: AsyncConnection,
    *,
    clock: Clock,
    buckets: Sequence[str],
    held: HeldRows,
    holds_version: tuple[Any, ...],
) -> Look:
    """A few small questions, whatever the catalogues' size. `held`, `holds_version`: as the look before left them."""
    at, began = clock.now(), clock.monotonic()
    version = await holds.version(connection)
    changed = version != holds_version
    ended, newest_run = await sync_runs.recent(connection)
    return Look(
        at=at,
        began=began,
        breakers=await breakers.present(connection),
        refused=await breakers.refused(connection),
        pauses=await pauses.holding(connection),
        levels=await rate_buckets.levels(connection, buckets),
        ended=ended,
        newest_run=newest_run,
        asked=await leases.live(connection, ASKED),
        holds_version=version,
        holds=await held.read(connection, now=at) if changed else None,
        newest_outcome=await reputation.newest(connection),
    )
