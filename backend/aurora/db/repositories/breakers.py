"""The breakers that all replicas share: one row each, moved by compare-and-set on its generation. Postgres only.

An outcome counts only under the generation in which its call was admitted, so twenty that fail at once trip it once.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.domain.health import BreakerState
from aurora.domain.operation import OperationClass
from aurora.resilience.shared import SharedState

_SHOWN = """
  provider, operation_class, state, generation, failures, probes, successes, trips, trips_in_a_row, open_since,
  reset_by, GREATEST(0, EXTRACT(EPOCH FROM open_until - clock_timestamp())) AS open_left
"""
_KEY = "provider = :provider AND operation_class = :operation_class"
_PARTS = {
    "{shown}": _SHOWN,
    "{key}": _KEY,
    "{trips}": "(state = 'HALF_OPEN' OR failures + 1 >= :threshold)",
    "{closes}": "(state = 'CLOSED' OR successes + 1 >= :need)",
}


def _sql(statement: str) -> TextClause:
    for name, part in _PARTS.items():
        statement = statement.replace(name, part)
    return text(statement)


_ENSURE = _sql("""
INSERT INTO provider_breakers (provider, operation_class, state, generation, failures, probes, successes, trips,
  trips_in_a_row, updated_at)
VALUES (:provider, :operation_class, 'CLOSED', 0, 0, 0, 0, 0, 0, clock_timestamp())
ON CONFLICT DO NOTHING
""")

_FAIL = _sql("""
UPDATE provider_breakers SET
  failures = failures + 1,
  state = CASE WHEN {trips} THEN 'OPEN' ELSE state END,
  generation = generation + CASE WHEN {trips} THEN 1 ELSE 0 END,
  trips = trips + CASE WHEN {trips} THEN 1 ELSE 0 END,
  trips_in_a_row = trips_in_a_row + CASE WHEN {trips} THEN 1 ELSE 0 END,
  probes = CASE WHEN {trips} THEN 0 ELSE probes END,
  successes = CASE WHEN {trips} THEN 0 ELSE successes END,
  open_since = CASE WHEN {trips} THEN COALESCE(open_since, clock_timestamp()) ELSE open_since END,
  open_until = CASE WHEN {trips} THEN clock_timestamp() + make_interval(secs => CASE
      WHEN trips_in_a_row = 0 THEN :open_s
      ELSE LEAST(:open_s * power(2, LEAST(trips_in_a_row, 32)) * :stretch, :longest_s)
    END) ELSE open_until END,
  reset_by = NULL,
  updated_at = clock_timestamp()
WHERE {key} AND generation = :generation AND state <> 'OPEN'
RETURNING {shown}
""")

_OK = _sql("""
UPDATE provider_breakers SET
  failures = 0,
  state = CASE WHEN {closes} THEN 'CLOSED' ELSE state END,
  generation = generation + CASE WHEN state = 'HALF_OPEN' AND {closes} THEN 1 ELSE 0 END,
  probes = CASE WHEN {closes} THEN 0 ELSE GREATEST(0, probes - 1) END,
  successes = CASE WHEN {closes} THEN 0 ELSE successes + 1 END,
  trips_in_a_row = CASE WHEN {closes} THEN 0 ELSE trips_in_a_row END,
  open_since = CASE WHEN {closes} THEN NULL ELSE open_since END,
  open_until = CASE WHEN {closes} THEN NULL ELSE open_until END,
  updated_at = clock_timestamp()
WHERE {key} AND generation = :generation AND state <> 'OPEN'
RETURNING {shown}
""")

_NEUTRAL = _sql("""
UPDATE provider_breakers SET probes = GREATEST(0, probes - 1), updated_at = clock_timestamp()
WHERE {key} AND generation = :generation AND state = 'HALF_OPEN'
RETURNING {shown}
""")

_PROBE = _sql("""
UPDATE provider_breakers SET
  generation = generation + CASE WHEN state = 'OPEN' THEN 1 ELSE 0 END,
  probes = CASE WHEN state = 'OPEN' OR probe_deadline <= clock_timestamp() THEN 1 ELSE probes + 1 END,
  successes = CASE WHEN state = 'OPEN' THEN 0 ELSE successes END,
  failures = CASE WHEN state = 'OPEN' THEN 0 ELSE failures END,
  probe_deadline = clock_timestamp() + make_interval(secs => :deadline_s),
  state = 'HALF_OPEN',
  updated_at = clock_timestamp()
WHERE {key} AND (
  (state = 'OPEN' AND (:force OR open_until IS NULL OR open_until <= clock_timestamp()))
  OR (state = 'HALF_OPEN' AND (
    probes + successes < :need OR (probe_deadline <= clock_timestamp() AND successes < :need)))
)
RETURNING {shown}
""")

_RESET = _sql("""
UPDATE provider_breakers SET
  state = 'CLOSED', generation = GREATEST(generation + 1, :generation), failures = 0, probes = 0, successes = 0,
  trips_in_a_row = 0, open_until = NULL, open_since = NULL, probe_deadline = NULL, reset_by = :actor,
  updated_at = clock_timestamp()
WHERE {key}
RETURNING {shown}
""")

_PUSH = _sql("""
UPDATE provider_breakers SET
  state = CAST(:state AS varchar), generation = :generation, failures = :failures, probes = 0, successes = :successes,
  trips = GREATEST(trips, :trips), trips_in_a_row = :trips_in_a_row, open_since = :open_since,
  open_until = CASE WHEN CAST(:state AS varchar) = 'OPEN' THEN clock_timestamp() + make_interval(secs => :open_left_s) END,
  probe_deadline = NULL, reset_by = NULL, updated_at = clock_timestamp()
WHERE {key} AND generation < :generation
RETURNING {shown}
""")

_ALL = _sql("SELECT {shown} FROM provider_breakers")
_ONE = _sql("SELECT {shown} FROM provider_breakers WHERE {key}")


@dataclass(frozen=True, slots=True)
class BreakerKey:
    """One breaker: a provider and an operation class."""

    provider: str
    operation_class: OperationClass


@dataclass(frozen=True, slots=True)
class TripRule:
    """When it opens, and for how long: as `aurora.resilience.policy.BreakerPolicy`."""

    threshold: int
    open_s: float
    longest_s: float
    stretch: float
    """1 and a random share, by which the second and later trips are lengthened."""


async def ensure(connection: AsyncConnection, key: BreakerKey) -> None:
    """Make the row where there is none: closed, generation 0."""
    await connection.execute(_ENSURE, _key(key))


async def fail(
    connection: AsyncConnection, key: BreakerKey, *, generation: int, rule: TripRule
) -> SharedState | None:
    """Count a failure; None when the call was admitted under another generation, or it is open already."""
    values = {
        "generation": generation,
        "threshold": rule.threshold,
        "open_s": rule.open_s,
        "longest_s": rule.longest_s,
        "stretch": rule.stretch,
    }
    return await _moved(connection, _FAIL, key, **values)


async def succeed(
    connection: AsyncConnection, key: BreakerKey, *, generation: int, need: int
) -> SharedState | None:
    """No failures any more; in half-open one good probe more, and closed with the last that was needed."""
    return await _moved(connection, _OK, key, generation=generation, need=need)


async def give_back(connection: AsyncConnection, key: BreakerKey, *, generation: int) -> SharedState | None:
    """A probe that said nothing: its place is free again."""
    return await _moved(connection, _NEUTRAL, key, generation=generation)


async def probe(
    connection: AsyncConnection, key: BreakerKey, *, need: int, deadline_s: float, force: bool = False
) -> SharedState | None:
    """Leave for one probe, with the state it belongs to; None: not yet, or enough are under way.

    After `deadline_s` without another probe those under way are believed dead, and their places are given anew.
    """
    return await _moved(connection, _PROBE, key, need=need, deadline_s=deadline_s, force=force)


async def reset(
    connection: AsyncConnection, key: BreakerKey, *, generation: int, actor: str
) -> SharedState | None:
    """Close by hand, at `generation` or above."""
    return await _moved(connection, _RESET, key, generation=generation, actor=actor[:64])


async def push(connection: AsyncConnection, key: BreakerKey, state: SharedState) -> SharedState | None:
    """What one replica went through while the database was away; None when the row is as new."""
    values = {
        "state": state.state.value,
        "generation": state.generation,
        "failures": state.failures,
        "successes": state.successes,
        "trips": state.trips,
        "trips_in_a_row": state.trips_in_a_row,
        "open_since": state.open_since,
        "open_left_s": state.open_left_s,
    }
    return await _moved(connection, _PUSH, key, **values)


async def present(connection: AsyncConnection) -> dict[BreakerKey, SharedState]:
    """All of them."""
    known = {each.value for each in OperationClass}
    return {
        BreakerKey(row.provider, OperationClass(row.operation_class)): _state(row)
        for row in await connection.execute(_ALL)
        if row.operation_class in known
    }


async def find(connection: AsyncConnection, key: BreakerKey) -> SharedState | None:
    row = (await connection.execute(_ONE, _key(key))).first()
    return None if row is None else _state(row)


async def _moved(
    connection: AsyncConnection, statement: TextClause, key: BreakerKey, **values: Any
) -> SharedState | None:
    row = (await connection.execute(statement, {**_key(key), **values})).first()
    return None if row is None else _state(row)


def _key(key: BreakerKey) -> dict[str, Any]:
    return {"provider": key.provider, "operation_class": key.operation_class.value}


def _state(row: Row[Any]) -> SharedState:
    return SharedState(
        state=BreakerState(row.state),
        generation=row.generation,
        failures=row.failures,
        probes=row.probes,
        successes=row.successes,
        trips=row.trips,
        trips_in_a_row=row.trips_in_a_row,
        open_left_s=float(row.open_left or 0.0),
        open_since=row.open_since,
        reset_by=row.reset_by,
    )


_REFUSE = text("""
INSERT INTO provider_breakers (provider, operation_class, state, generation, failures, probes, successes, trips,
  trips_in_a_row, refused_at, updated_at)
VALUES (:provider, :mark, 'CLOSED', 0, 0, 0, 0, 0, 0, clock_timestamp(), clock_timestamp())
ON CONFLICT (provider, operation_class) DO UPDATE SET
  refused_at = excluded.refused_at, updated_at = excluded.updated_at
""")
_ACCEPT = text("DELETE FROM provider_breakers WHERE provider = :provider AND operation_class = :mark")
_REFUSED = text(
    "SELECT provider, operation_class AS mark FROM provider_breakers WHERE refused_at IS NOT NULL"
)


async def refuse(connection: AsyncConnection, provider: str, mark: str) -> None:
    """A credential, or one of its rights, is refused. `mark`: which one, at most 16 characters."""
    await connection.execute(_REFUSE, {"provider": provider, "mark": mark})


async def accept(connection: AsyncConnection, provider: str, mark: str) -> None:
    """It is accepted again."""
    await connection.execute(_ACCEPT, {"provider": provider, "mark": mark})


async def refused(connection: AsyncConnection) -> dict[str, set[str]]:
    """What is refused now: marks by provider."""
    found: dict[str, set[str]] = {}
    for row in await connection.execute(_REFUSED):
        found.setdefault(row.provider, set()).add(row.mark)
    return found
