"""Intents that come together are committed together, and none pays for what is wrong with another."""

import asyncio
from contextlib import nullcontext

from sqlalchemy.exc import IntegrityError

from aurora.db.repositories import audit, decisions, deployments, holds, tenants
from aurora.db.repositories.audit import AuditFilter
from aurora.db.repositories.holds import CapacityTaken, Hold
from aurora.db.repositories.idempotency import Binding
from aurora.db.repositories.tenants import StoredTenant
from aurora.domain.audit import AuditAction, AuditEntry
from aurora.domain.errors import DatabaseUnavailable, NotFound, QuotaExceeded
from aurora.domain.tenant import Quotas
from aurora.services.intent_book import Intent, IntentBook, Purchase
from tests.integration.db.deployment_rows import DECISION, a_deployment, an_attempt, an_event, at

FREE = Quotas()


class Count:
    """Of the transactions that write."""

    def __init__(self) -> None:
        self.writes = 0

    def __call__(self, kind):
        self.writes += kind == "write"
        return nullcontext()

    def retried(self) -> None: ...


class Knew:
    """What a decision knew of what is held beside it: each hold there is, and whether it was known.

    Of a decision that knew `everything` nobody can tell what that is: it is asked of what is found.
    """

    def __init__(self, everything=True, *, beside=()):
        self._everything = everything
        self._beside = beside

    def __call__(self, hold):
        return self._everything or (hold, True) in self._beside

    def beside(self, hold):
        return self._beside


KNEW_ALL, KNEW_NOTHING = Knew(), Knew(everything=False)


class Desk:
    """A book, and what it told of."""

    def __init__(self, database) -> None:
        self.kept, self.dropped = [], []
        self.database = database
        self.count = Count()
        database.watch_with(self.count)
        self.book = IntentBook(
            database,
            kept=lambda purchase: self.kept.append(purchase.deployment.id),
            dropped=lambda purchase: self.dropped.append(purchase.deployment.id),
        )

    async def commit(self, *intents):
        return await asyncio.gather(*(self.book.commit(one) for one in intents), return_exceptions=True)

    async def stored(self):
        async with self.database.read() as connection:
            page = await deployments.page(
                connection, tenant=None, status=None, provider=None, before=None, limit=100
            )
            return sorted(view.deployment.id for view in page)


def intent(number, *, quotas=FREE, key=None, knew=KNEW_ALL, deployment=None, offer="fake:1", **changes):
    own = a_deployment(deployment or number, decision_id=f"dec-{number}", **changes)
    attempt = an_attempt(own, name=f"name-{number}")
    record = {**DECISION, "id": f"dec-{number}", "tenant": own.tenant, "eliminated": {}}
    row = AuditEntry(at(0), own.tenant, "local", AuditAction.ROUTE, 200, target=own.id)
    hold = Hold("fake", offer, frozenset(), "attempt", at(0), deployment_id=own.id, attempt=1)
    binding = None
    if key is not None:
        binding = Binding(own.tenant, "route", key, "hash", own.id, at(0), at(100))
    purchase = Purchase(own, attempt, hold, knew, an_event(own, "intent"), quotas, binding)
    return Intent(record, row, purchase)


def refusal(number):
    return Intent(
        {**DECISION, "id": f"dec-{number}", "eliminated": {}, "chosen": None},
        AuditEntry(at(0), "default", "local", AuditAction.ROUTE, 200),
    )


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_who_comes_at_the_same_time_is_written_together(database):
    desk = Desk(database)

    assert await desk.commit(*(intent(number) for number in range(1, 21)), refusal(21)) == [None] * 21

    assert desk.count.writes == 1
    assert len(await desk.stored()) == len(desk.kept) == 20
    async with database.read() as connection:
        assert await decisions.find(connection, "dec-21", tenant=None) is not None
        assert len(await holds.present(connection, now=at(0))) == 20
        assert len(await audit.page(connection, AuditFilter(), before=None, limit=100)) == 21


async def test_a_row_that_cannot_be_fails_alone(database):
    desk = Desk(database)

    results = await desk.commit(intent(1), intent(2), intent(3, deployment=2), intent(4))

    assert [type(one) for one in results] == [type(None), type(None), IntegrityError, type(None)]
    assert await desk.stored() == [a_deployment(number).id for number in (1, 2, 4)]
    assert sorted(desk.dropped) == [a_deployment(2).id]
    async with database.read() as connection:
        assert await decisions.find(connection, "dec-3", tenant=None) is None


async def test_one_key_is_bound_once_and_its_loser_leaves_nothing(database):
    desk = Desk(database)

    results = await desk.commit(*(intent(number, key="same") for number in (1, 2, 3)))

    assert sum(one is None for one in results) == 1
    assert sum(isinstance(one, IntegrityError) for one in results) == 2
    assert len(await desk.stored()) == 1


async def test_a_quota_counts_those_of_the_same_group(database):
    async with database.write() as connection:
        await tenants.add(connection, StoredTenant("research", {"quotas": {"max_deployments": 2}}, at(0)))
    desk = Desk(database)
    few = Quotas(max_deployments=2)

    results = await desk.commit(
        *(intent(number, tenant="research", quotas=few) for number in range(1, 6)), intent(6)
    )

    assert [type(one) for one in results] == [type(None)] * 2 + [QuotaExceeded] * 3 + [type(None)]
    assert len(await desk.stored()) == 3


async def test_a_tenant_that_is_gone_stops_only_its_own(database):
    desk = Desk(database)

    results = await desk.commit(intent(1), intent(2, tenant="nobody", quotas=Quotas(max_gpus=1)), intent(3))

    assert [type(one) for one in results] == [type(None), NotFound, type(None)]


async def test_whoever_leaves_the_line_is_not_written(database):
    desk = Desk(database)
    first = asyncio.create_task(desk.book.commit(intent(1)))
    await until(lambda: desk.count.writes == 1)
    second, third = (asyncio.create_task(desk.book.commit(intent(number))) for number in (2, 3))
    await asyncio.sleep(0)

    second.cancel()
    await asyncio.gather(first, second, third, return_exceptions=True)

    assert second.cancelled()
    assert desk.count.writes == 2
    assert await desk.stored() == [a_deployment(1).id, a_deployment(3).id]
    assert desk.dropped == [a_deployment(2).id]


async def test_what_is_being_written_is_kept_although_nobody_waits_for_it_any_more(database):
    desk = Desk(database)
    asked = asyncio.create_task(desk.book.commit(intent(1)))
    await until(lambda: desk.count.writes == 1)

    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await desk.book.drain()

    assert asked.cancelled()
    assert await desk.stored() == desk.kept == [a_deployment(1).id]


async def test_a_machine_that_another_replica_took_is_refused_alone(postgres_database):
    elsewhere = Hold(
        "fake", "fake:2", frozenset({"gpu-1"}), "attempt", at(0), deployment_id="dep-x", attempt=1
    )
    async with postgres_database.write() as connection:
        await holds.add(connection, elsewhere)
    desk = Desk(postgres_database)

    results = await desk.commit(
        intent(1, offer="fake:1", knew=KNEW_NOTHING), intent(2, offer="fake:2", knew=KNEW_NOTHING)
    )

    assert results[0] is None
    assert isinstance(results[1], CapacityTaken)
    assert results[1].unknown == (elsewhere,)
    assert desk.dropped == [a_deployment(2).id]


async def test_what_one_of_a_group_did_not_know_is_known_to_none(postgres_database):
    learned = Hold("fake", "fake:2", frozenset(), "attempt", at(0), deployment_id="dep-x", attempt=1)
    async with postgres_database.write() as connection:
        await holds.add(connection, learned)
    desk = Desk(postgres_database)
    before, after = (Knew(everything=False, beside=[(learned, was_known)]) for was_known in (False, True))

    results = await desk.commit(intent(1, offer="fake:2", knew=before), intent(2, offer="fake:2", knew=after))

    assert isinstance(results[0], CapacityTaken)
    assert results[1] is None
    assert desk.count.writes == 1


async def test_a_purchase_that_knew_of_all_takes_one_journey(postgres_database):
    held = Hold("fake", "fake:1", frozenset(), "attempt", at(0), deployment_id="dep-x", attempt=1)
    async with postgres_database.write() as connection:
        await holds.add(connection, held)
    desk = Desk(postgres_database)
    await desk.commit(intent(1, offer="fake:9"))
    driver = postgres_database._lane._driver
    asked = []
    driver.add_query_logger(lambda record: asked.append(record.query))

    assert await desk.commit(intent(2, knew=Knew(everything=False, beside=[(held, True)]))) == [None]

    assert len(asked) == 1
    assert await desk.stored() == [a_deployment(1).id, a_deployment(2).id]


async def test_who_came_too_late_is_told_of_all_that_was_taken_lately(postgres_database):
    async with postgres_database.write() as connection:
        for number, moment in ((1, at(0)), (2, at(0)), (3, at(-60))):
            taken = Hold(
                "fake", f"fake:{number}", frozenset({"m"}), "attempt", moment, f"dep-other{number}", 1
            )
            await holds.add(connection, taken)
        await holds.add(connection, Hold("fake", "fake:4", frozenset(), "refused", at(0)))
    desk = Desk(postgres_database)

    (late, fine) = await desk.commit(
        intent(1, offer="fake:1", knew=KNEW_NOTHING), intent(2, offer="fake:9", knew=KNEW_NOTHING)
    )

    assert isinstance(late, CapacityTaken)
    assert {one.offer_id for one in late.unknown} == {"fake:1", "fake:2"}
    assert fine is None


async def test_a_database_that_does_not_answer_refuses_the_whole_group_once(databases, tmp_path):
    async with databases.sqlite(tmp_path / "aurora.db") as database:
        desk = Desk(database)
        (tmp_path / "aurora.db").write_bytes(b"no database" * 1000)

        results = await desk.commit(*(intent(number) for number in range(1, 6)))

    assert {type(one) for one in results} == {DatabaseUnavailable}
    assert desk.count.writes == 1
    assert (len(desk.dropped), desk.kept) == (5, [])
