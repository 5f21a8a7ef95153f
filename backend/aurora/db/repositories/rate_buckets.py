"""What the markets still allow to all replicas together: one row per bucket, refilled by Postgres's own clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_ENSURE = text("""
INSERT INTO rate_buckets AS known (name, tokens, capacity, per_second, at)
VALUES (:name, :capacity, :capacity, :per_second, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET
  tokens = LEAST(excluded.capacity, known.tokens
    + known.per_second * GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - known.at))),
  capacity = excluded.capacity,
  per_second = excluded.per_second,
  at = clock_timestamp()
WHERE known.capacity <> excluded.capacity OR known.per_second <> excluded.per_second
""")

_TAKE = text("""
WITH wanted AS (
  SELECT * FROM unnest(
    CAST(:names AS text[]), CAST(:costs AS float8[]), CAST(:keeps AS float8[])
  ) AS w(name, cost, keep)
), locked AS MATERIALIZED (
  SELECT b.name, b.tokens, b.capacity, b.per_second, b.at, w.cost, w.keep
  FROM rate_buckets b JOIN wanted w ON w.name = b.name
  ORDER BY b.name
  FOR UPDATE OF b
), timed AS MATERIALIZED (
  SELECT name, capacity, per_second, cost, keep, clock_timestamp() AS now,
    LEAST(capacity, tokens + per_second * GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - at))) AS free
  FROM locked
), verdict AS MATERIALIZED (
  SELECT count(*) AS rows, max(GREATEST(0, (LEAST(cost + keep, capacity) - free) / per_second)) AS wait
  FROM timed
), spent AS (
  UPDATE rate_buckets b SET tokens = t.free - LEAST(t.cost, t.capacity), at = t.now
  FROM timed t, verdict v
  WHERE b.name = t.name AND v.wait <= 0 AND v.rows = (SELECT count(*) FROM wanted)
  RETURNING b.name
)
SELECT v.rows, v.wait, (SELECT count(*) FROM spent) AS taken FROM verdict v
""")

_CHARGE = text("""
UPDATE rate_buckets SET
  tokens = LEAST(capacity, tokens + per_second * GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - at))) - :amount,
  at = clock_timestamp()
WHERE name = :name
""")

_LEVELS = text("""
SELECT name, LEAST(capacity, tokens + per_second * GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - at))) AS level
FROM rate_buckets WHERE name = ANY(CAST(:names AS text[]))
""")


@dataclass(frozen=True, slots=True)
class BucketRule:
    """A bucket that starts full: `capacity` tokens, refilled at `per_second`."""

    name: str
    capacity: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Want:
    """`cost` tokens of one bucket, of which `keep` more must be left."""

    name: str
    cost: float
    keep: float = 0.0


class NoBucket(Exception):
    """A bucket that nobody has made yet: `ensure` it."""


async def ensure(connection: AsyncConnection, rules: Sequence[BucketRule]) -> None:
    """Make the rows, or give them new numbers; what was used stays used."""
    for rule in sorted(rules, key=lambda rule: rule.name):
        values = {"name": rule.name, "capacity": rule.capacity, "per_second": rule.per_second}
        await connection.execute(_ENSURE, values)


async def take(connection: AsyncConnection, wants: Sequence[Want]) -> float:
    """0 when all that is wanted was taken, else the seconds to wait, and nothing was taken. Raises NoBucket.

    One statement, its rows locked in one order: two that want the same buckets wait for each other and no third.
    """
    ordered = sorted(wants, key=lambda want: want.name)
    values = {
        "names": [want.name for want in ordered],
        "costs": [want.cost for want in ordered],
        "keeps": [want.keep for want in ordered],
    }
    found = (await connection.execute(_TAKE, values)).one()
    if found.rows < len(ordered):
        raise NoBucket(", ".join(want.name for want in ordered))
    return 0.0 if found.taken else float(found.wait)


async def charge(connection: AsyncConnection, name: str, *, amount: float) -> None:
    """Take `amount` whether or not it is there: it has been used."""
    await connection.execute(_CHARGE, {"name": name, "amount": amount})


async def levels(connection: AsyncConnection, names: Iterable[str]) -> dict[str, float]:
    """Tokens now, of those buckets that somebody has made."""
    found = await connection.execute(_LEVELS, {"names": sorted(names)})
    return {row.name: float(row.level) for row in found}
