"""Who does a duty, until when. Postgres only: its clock rules, so that those of the replicas need not agree."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_TAKE = text("""
INSERT INTO leases AS held (name, owner, expires_at, fence)
VALUES (:name, :owner, clock_timestamp() + make_interval(secs => :ttl_s), 1)
ON CONFLICT (name) DO UPDATE SET
  owner = excluded.owner,
  expires_at = clock_timestamp() + make_interval(secs => :ttl_s),
  fence = CASE WHEN held.owner = excluded.owner THEN held.fence ELSE held.fence + 1 END
WHERE held.expires_at < clock_timestamp() OR held.owner = excluded.owner
RETURNING fence
""")

_RENEW = text("""
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => :ttl_s)
WHERE owner = :owner AND name = ANY(:names)
RETURNING name
""")

_RELEASE = text("""
UPDATE leases SET expires_at = clock_timestamp() - interval '1 microsecond'
WHERE owner = :owner AND (CAST(:name AS text) IS NULL OR name = :name)
""")

_LIVE = text("""
SELECT name, owner FROM leases WHERE expires_at >= clock_timestamp() AND starts_with(name, :prefix) ORDER BY name
""")

_FORGET = text("""
DELETE FROM leases
WHERE starts_with(name, :prefix) AND expires_at < clock_timestamp() - make_interval(secs => :after_s)
""")


async def take(connection: AsyncConnection, name: str, *, owner: str, ttl_s: float) -> int | None:
    """The fence when `owner` has the lease now, for `ttl_s` seconds; None while another holds it.

    The fence rises with every change of owner: what carries an older one was written by somebody who has lost it.
    """
    values = {"name": name, "owner": owner, "ttl_s": ttl_s}
    found: int | None = (await connection.execute(_TAKE, values)).scalar_one_or_none()
    return found


async def renew(
    connection: AsyncConnection, names: Iterable[str], *, owner: str, ttl_s: float
) -> frozenset[str]:
    """Hold on for another `ttl_s` seconds. Names that are missing from the answer were lost to others."""
    values = {"owner": owner, "names": sorted(names), "ttl_s": ttl_s}
    return frozenset((await connection.execute(_RENEW, values)).scalars())


async def release(connection: AsyncConnection, *, owner: str, name: str | None = None) -> None:
    """Give one lease back, or all: the next comer need not wait for the time to pass."""
    await connection.execute(_RELEASE, {"owner": owner, "name": name})


async def live(connection: AsyncConnection, prefix: str) -> dict[str, str]:
    """Who holds what now: owner by name, of the names that begin with `prefix`."""
    return {row.name: row.owner for row in await connection.execute(_LIVE, {"prefix": prefix})}


async def forget(connection: AsyncConnection, prefix: str, *, after_s: float) -> None:
    """Drop rows that ended more than `after_s` seconds ago: processes come and go, their names never come back."""
    await connection.execute(_FORGET, {"prefix": prefix, "after_s": after_s})
