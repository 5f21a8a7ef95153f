"""Capacity that is taken: by live attempts, and for a minute by a refusal."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    String,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import capacity_holds as rows
from aurora.db.types import UtcDateTime
from aurora.domain.errors import AuroraError

_LOCK = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS wanted(key)")
_OFFERS = bindparam("offers", type_=ARRAY(String))
NAME = "COALESCE(deployment_id || '#' || attempt, offer_id)"
"""A row's `Hold.name`, in Postgres's words."""
ON_MACHINES = """
(offer_id = ANY({offers}) OR CAST(resources AS jsonb) ?| {names} AND EXISTS (
  SELECT 1 FROM json_array_elements_text(resources) AS used(name)
  WHERE provider || ':' || used.name = ANY({shared})
))
"""
"""Which rows are on these machines (`machines_of`), in Postgres's words."""
PRESENT = "(expires_at IS NULL OR expires_at > now())"
_PRESENT = text(PRESENT)
_SAME_OFFER: ColumnElement[bool] = rows.c.offer_id == func.any(_OFFERS)
_ON_OFFERS = select(rows).where(_SAME_OFFER, _PRESENT)
_GIVEN = {one: f"CAST(:{one} AS text[])" for one in ("offers", "names", "shared")}
_ON_MACHINES = select(rows).where(text(ON_MACHINES.format(**_GIVEN)), _PRESENT)
_OF_ATTEMPT = and_(rows.c.deployment_id == bindparam("own_id"), rows.c.attempt == bindparam("own_attempt"))
_LATEST = (
    select(rows)
    .where(
        rows.c.reason == literal_column("'attempt'"), rows.c.held_at > bindparam("since_", type_=UtcDateTime)
    )
    .order_by(rows.c.id.desc())
    .limit(literal_column("200"))
)
_ADD = insert(rows)
_LAUNCHED = update(rows).where(_OF_ATTEMPT)
_RELEASED = delete(rows).where(_OF_ATTEMPT, rows.c.reason == "attempt")


@dataclass(frozen=True, slots=True)
class Hold:
    """One launch's worth of an offer, and of every offer that shares its physical resources."""

    provider: str
    offer_id: str
    resources: frozenset[str]
    reason: str
    """`attempt` or `refused`."""
    held_at: datetime
    deployment_id: str | None = None
    attempt: int | None = None
    launched_at: datetime | None = None
    """When the launch was confirmed: a catalogue read that began later shows it by itself."""
    expires_at: datetime | None = None
    size: float = 1.0
    """How much of the offer's own count of free launches is taken (a four-GPU cut takes four)."""

    @property
    def places(self) -> Iterator[str]:
        """The shared things by names that no other provider's have."""
        return (f"{self.provider}:{one}" for one in self.resources)

    @property
    def key(self) -> tuple[str, int] | str:
        """An attempt has one hold, an offer one refusal."""
        if self.deployment_id is None or self.attempt is None:
            return self.offer_id
        return (self.deployment_id, self.attempt)

    @property
    def name(self) -> str:
        """The key as the database can say it, see `NAME`."""
        return self.key if isinstance(self.key, str) else "{}#{}".format(*self.key)

    def touches(self, other: "Hold") -> bool:
        """Are both on the same offer, or on a machine that both their offers share?"""
        if self.offer_id == other.offer_id:
            return True
        return self.provider == other.provider and not self.resources.isdisjoint(other.resources)


class CapacityTaken(AuroraError):
    """Another replica holds capacity of the same offer that the decision did not know of: decide again."""

    code = "capacity_taken"

    def __init__(self, unknown: tuple[Hold, ...]) -> None:
        super().__init__("another replica took capacity of the same offer")
        self.unknown = unknown


def hold_of(row: Mapping[Any, Any]) -> Hold:
    """A row of `capacity_holds`."""
    return Hold(
        provider=row["provider"],
        offer_id=row["offer_id"],
        resources=frozenset(row["resources"]),
        reason=row["reason"],
        held_at=row["held_at"],
        deployment_id=row["deployment_id"],
        attempt=row["attempt"],
        launched_at=row["launched_at"],
        expires_at=row["expires_at"],
        size=row["size"],
    )


def row_of(hold: Hold) -> dict[str, Any]:
    """The columns of `capacity_holds` that the database does not count up."""
    return {
        "provider": hold.provider,
        "offer_id": hold.offer_id,
        "resources": sorted(hold.resources),
        "reason": hold.reason,
        "held_at": hold.held_at,
        "deployment_id": hold.deployment_id,
        "attempt": hold.attempt,
        "launched_at": hold.launched_at,
        "expires_at": hold.expires_at,
        "size": hold.size,
    }


async def add(connection: AsyncConnection, hold: Hold) -> None:
    await connection.execute(_ADD, row_of(hold))


async def rivals(connection: AsyncConnection, wanted: Sequence[Hold]) -> tuple[Hold, ...]:
    """The present holds on the machines of `wanted`; none where the database belongs to one process.

    Until the transaction ends no other replica gets past here with the same machines: of two that decide at the same
    time on the last free one, the second is told about the first.
    """
    if connection.dialect.name != "postgresql":
        return ()
    # Locked first, in one order for all. The read after it is a statement of its own: one that had begun before the
    # lock was given would not see what was committed while it waited.
    await connection.execute(_LOCK, {"keys": lock_keys(wanted)})
    named = machines_of(wanted)
    query = _ON_MACHINES
    if not named["names"]:
        query, named = _ON_OFFERS, {"offers": named["offers"]}
    return tuple(hold_of(row) for row in (await connection.execute(query, named)).mappings())


async def latest(connection: AsyncConnection, *, since: datetime) -> tuple[Hold, ...]:
    """The newest launches that are held, at most 200: what another replica took before we have seen it."""
    found = await connection.execute(_LATEST, {"since_": since})
    return tuple(hold_of(row) for row in found.mappings())


def machines_of(wanted: Sequence[Hold]) -> dict[str, list[str]]:
    """What to look for holds by: the offers, and the machines that they share.

    By a machine's name alone there is an index; that the provider is the same is asked of what it finds.
    """
    return {
        "offers": sorted({hold.offer_id for hold in wanted}),
        "names": sorted({one for hold in wanted for one in hold.resources}),
        "shared": sorted({place for hold in wanted for place in hold.places}),
    }


def lock_keys(wanted: Sequence[Hold]) -> list[int]:
    """One for each offer and one for each machine that it shares, in one order for all."""
    names = {name for hold in wanted for name in (hold.offer_id, *hold.places)}
    digests = (hashlib.blake2b(name.encode(), digest_size=8, person=b"hold").digest() for name in names)
    return sorted(int.from_bytes(digest, "big", signed=True) for digest in digests)


async def version(connection: AsyncConnection) -> tuple[Any, ...]:
    """Another one whenever a hold was added, launched or released: cheap to ask, so that all need not be read."""
    found = await connection.execute(
        select(
            func.count(), func.max(rows.c.id), func.count(rows.c.launched_at), func.max(rows.c.launched_at)
        )
    )
    return tuple(found.one())


async def launched(connection: AsyncConnection, deployment_id: str, *, attempt: int, at: datetime) -> None:
    """The launch of this attempt is confirmed."""
    await launched_all(connection, [(deployment_id, attempt, at)])


async def launched_all(connection: AsyncConnection, found: Iterable[tuple[str, int, datetime]]) -> None:
    """Of each: deployment, attempt, when its launch was confirmed."""
    values = [{"own_id": one, "own_attempt": attempt, "launched_at": at} for one, attempt, at in found]
    if values:
        await connection.execute(_LAUNCHED, values)


async def release(connection: AsyncConnection, deployment_id: str, *, attempt: int) -> None:
    """Nothing holds this attempt's machines any more."""
    await release_all(connection, [(deployment_id, attempt)])


async def release_all(connection: AsyncConnection, ended: Iterable[tuple[str, int]]) -> None:
    """Of each: deployment and attempt."""
    values = [{"own_id": one, "own_attempt": attempt} for one, attempt in ended]
    if values:
        await connection.execute(_RELEASED, values)


async def drop_expired(connection: AsyncConnection, *, now: datetime) -> None:
    """Forget refusals whose time is over."""
    await connection.execute(delete(rows).where(rows.c.expires_at <= now))


async def present(connection: AsyncConnection, *, now: datetime) -> tuple[Hold, ...]:
    """All holds that have not expired."""
    query = select(rows).where(or_(rows.c.expires_at.is_(None), rows.c.expires_at > now))
    return tuple(hold_of(row) for row in (await connection.execute(query)).mappings())
