"""One key, one deployment: also when two ask at once, on both databases."""

import asyncio

from sqlalchemy.exc import IntegrityError

from aurora.db.bundle import Bundle
from aurora.db.database import Database
from aurora.db.repositories import idempotency
from aurora.db.repositories.idempotency import Binding, BoundKey
from aurora.db.tables import idempotency_keys
from tests.integration.db.deployment_rows import at


async def bound(
    database: Database, deployment_id: str, *, key: str = "k", tenant: str = "default", now: float = 0
) -> None:
    binding = Binding(tenant, "route", key, f"hash of {deployment_id}", deployment_id, at(now), at(now + 100))
    bundle = Bundle()
    bundle.add(idempotency_keys, idempotency.row_of(binding))
    async with database.write() as connection:
        await idempotency.forget(connection, binding)
        await bundle.write(connection)


async def found(
    database: Database, *, key: str = "k", tenant: str = "default", operation: str = "route", now: float = 0
) -> BoundKey | None:
    async with database.read() as connection:
        return await idempotency.find(connection, tenant=tenant, operation=operation, key=key, now=at(now))


async def test_a_key_leads_to_its_deployment(database):
    await bound(database, "dep-1")

    assert await found(database) == BoundKey("hash of dep-1", "dep-1")


async def test_a_key_belongs_to_one_tenant_and_one_operation(database):
    await bound(database, "dep-1")
    await bound(database, "dep-2", tenant="other")

    assert await found(database, tenant="other") == BoundKey("hash of dep-2", "dep-2")
    assert await found(database, operation="extend") is None
    assert await found(database, key="K") is None


async def test_of_eight_who_bind_a_key_at_once_one_wins_and_the_others_are_told(database):
    names = [f"dep-{number}" for number in range(8)]

    results = await asyncio.gather(*(bound(database, name) for name in names), return_exceptions=True)

    winners = [name for name, result in zip(names, results, strict=True) if result is None]
    assert len(winners) == 1
    assert sum(isinstance(result, IntegrityError) for result in results) == 7
    assert await found(database) == BoundKey(f"hash of {winners[0]}", winners[0])


async def test_an_expired_key_is_free_again(database):
    await bound(database, "dep-1")

    assert await found(database, now=99.999) is not None
    assert await found(database, now=100) is None
    await bound(database, "dep-2", now=100)

    assert await found(database, now=100) == BoundKey("hash of dep-2", "dep-2")


async def test_a_key_that_lives_is_not_taken_over(database):
    await bound(database, "dep-1")

    (result,) = await asyncio.gather(bound(database, "dep-2", now=99), return_exceptions=True)

    assert isinstance(result, IntegrityError)
    assert await found(database, now=99) == BoundKey("hash of dep-1", "dep-1")
