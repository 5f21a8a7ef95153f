"""A purchase in one journey: the same verdict and the same rows as step by step, whole or not at all."""

import asyncio
import random
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

from aurora.db.access_tables import audit_log
from aurora.db.bundle import Bundle
from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.db.repositories import audit, buying, holds, idempotency
from aurora.db.repositories.holds import Hold
from aurora.db.repositories.idempotency import Binding
from aurora.db.tables import capacity_holds, idempotency_keys
from aurora.domain.audit import AuditAction, AuditEntry
from tests.integration.db.deployment_rows import at

ROW = audit.row_of(AuditEntry(at(0), "default", "local", AuditAction.ROUTE, 200))
MINE = Hold("fake", "fake:1", frozenset({"gpu-1"}), "attempt", at(0), "dep-mine", 1)


def bundle_of(*taken: Hold) -> Bundle:
    bundle = Bundle()
    bundle.add(audit_log, ROW)
    bundle.add(capacity_holds, *map(holds.row_of, taken))
    return bundle


async def buy(database: Database, *wanted: Hold, known=(), bundle: Bundle | None = None) -> bool:
    async def job(connection) -> bool:
        return await buying.at_once(
            connection, bundle or bundle_of(*wanted), wanted=wanted, known=[one.name for one in known]
        )

    return await database.transact(job, lean=True)


async def count(database: Database, table=audit_log) -> int:
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def put(database: Database, *given: Hold) -> None:
    async with database.write() as connection:
        for hold in given:
            await holds.add(connection, hold)


async def test_what_is_bought_is_committed(postgres_database):
    assert await buy(postgres_database, MINE)

    assert await count(postgres_database) == 1
    async with postgres_database.read() as connection:
        assert await holds.present(connection, now=at(0)) == (MINE,)


async def test_where_there_is_no_lane_it_takes_several_steps(database):
    async def job(connection) -> bool:
        return await buying.at_once(connection, bundle_of(MINE), wanted=[MINE], known=())

    assert not await database.transact(job)
    assert await count(database) == 0


async def test_a_rival_that_was_not_known_leaves_nothing_and_one_that_was_is_no_hindrance(postgres_database):
    rival = Hold("fake", "fake:9", frozenset({"gpu-1", "gpu-2"}), "attempt", at(0), "dep-x", 1)
    await put(postgres_database, rival)

    assert not await buy(postgres_database, MINE)
    assert await count(postgres_database) == 0
    assert await buy(postgres_database, MINE, known=[rival])
    assert await count(postgres_database) == 1


def some_hold(rng: random.Random, number: int) -> Hold:
    refused = rng.random() < 0.2
    return Hold(
        rng.choice(("fake", "other")),
        f"offer:{rng.randrange(4)}",
        frozenset(rng.sample(("gpu-1", "gpu-2", "gpu-3", "it's"), rng.randrange(3))),
        "refused" if refused else "attempt",
        at(0),
        None if refused else f"dep-{number}",
        None if refused else 1,
        expires_at=rng.choice((None, at(-1e9), at(1e9))),
    )


async def test_its_verdict_is_that_of_the_step_by_step_look(postgres_database):
    rng, verdicts = random.Random(7), []
    for _ in range(120):
        held = [some_hold(rng, number) for number in range(rng.randrange(6))]
        wanted = [some_hold(rng, number + 10) for number in range(rng.randrange(1, 3))]
        async with postgres_database.write() as connection:
            await connection.execute(capacity_holds.delete())
        await put(postgres_database, *held)
        known = [one for one in held if rng.random() < 0.5]
        async with postgres_database.write() as connection:
            rivals = await holds.rivals(connection, wanted)
        present = [one for one in held if one.expires_at is None or one.expires_at > at(0)]
        assert set(rivals) == {one for one in present if any(map(one.touches, wanted))}

        bought = await buy(postgres_database, *wanted, known=known)

        assert bought == ({one.name for one in rivals} <= {one.name for one in known})
        verdicts.append(bought)
    assert {True, False} == set(verdicts)


async def test_a_purchase_looks_at_the_holds_on_its_machines_not_at_all_of_them(postgres_database):
    """The server keeps a function's plans: those made while next to nothing was held must serve thousands of holds."""
    for number in range(8):
        assert await buy(postgres_database, replace(MINE, offer_id=f"fake:{number}", resources=frozenset()))
    others = [replace(MINE, offer_id=f"x:{n}", resources=frozenset({f"x-{n}"})) for n in range(500)]
    await put(postgres_database, *others)
    before = await scans_of_all_holds(postgres_database)

    assert await buy(postgres_database, replace(MINE, offer_id="fake:last"))

    assert await scans_of_all_holds(postgres_database) == before


async def test_no_list_of_holds_lies_beside_the_index_of_machines(postgres_database):
    """Every look would read it from its beginning to its end."""
    asked = "SELECT reloptions FROM pg_class WHERE relname = 'ix_capacity_holds_shared'"
    async with postgres_database.read() as connection:
        assert (await connection.execute(text(asked))).scalar_one() == ["fastupdate=off"]


async def scans_of_all_holds(database: Database) -> int:
    async def tell(connection) -> None:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"), {})

    await database.transact(tell, lean=True)
    asked = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'capacity_holds'"
    async with database.read() as connection:
        return (await connection.execute(text(asked))).scalar_one()


async def test_of_two_at_the_same_time_the_second_sees_what_the_first_committed(postgres_database):
    async with postgres_database.write() as first:
        rival = Hold("fake", "fake:1", frozenset(), "attempt", at(0), "dep-x", 1)
        assert not await holds.rivals(first, [rival])
        await holds.add(first, rival)
        second = asyncio.create_task(buy(postgres_database, MINE))
        async with asyncio.timeout(5):
            while not await waiting(first):
                await asyncio.sleep(0)

    assert not await second
    assert await count(postgres_database) == 0


async def waiting(connection) -> int:
    """How many wait for an advisory lock."""
    asked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    return (await connection.execute(text(asked))).scalar_one()


def bundle_with(binding: Binding) -> Bundle:
    bundle = bundle_of(MINE)
    bundle.add(idempotency_keys, idempotency.row_of(binding))
    return bundle


async def test_a_key_whose_time_is_over_is_bound_again_and_a_present_one_is_not(postgres_database):
    old = Binding("default", "route", "it's a key", "hash", "dep-old", at(-100), at(0))
    fresh = Binding("default", "route", "it's a key", "hash", "dep-mine", at(0), at(100))
    late = Binding("default", "route", "it's a key", "hash", "dep-late", at(1), at(101))

    assert await buy(postgres_database, MINE, known=[MINE], bundle=bundle_with(old))
    assert await buy(postgres_database, MINE, known=[MINE], bundle=bundle_with(fresh))
    with pytest.raises(IntegrityError):
        await buy(postgres_database, MINE, known=[MINE], bundle=bundle_with(late))

    assert await count(postgres_database) == 2
    async with postgres_database.read() as connection:
        bound = await idempotency.find(
            connection, tenant="default", operation="route", key="it's a key", now=at(1)
        )
    assert bound is not None
    assert bound.deployment_id == "dep-mine"


async def test_after_a_row_that_may_not_be_the_connection_is_used_again(postgres_database):
    binding = Binding("default", "route", "k", "hash", "dep-mine", at(0), at(100))
    await buy(postgres_database, MINE, known=[MINE], bundle=bundle_with(binding))
    driver = postgres_database._lane._driver
    with pytest.raises(IntegrityError):
        await buy(postgres_database, MINE, known=[MINE], bundle=bundle_with(binding))

    assert await buy(postgres_database, MINE, known=[MINE])
    assert postgres_database._lane._driver is driver


async def test_a_new_connection_is_told_the_function_again(postgres_database):
    assert await buy(postgres_database, MINE)
    postgres_database._lane._let_go()

    assert await buy(postgres_database, MINE, known=[MINE])
    assert await count(postgres_database) == 2


async def test_behind_a_pooler_that_gives_another_session_it_takes_several_steps(postgres_database):
    assert await buy(postgres_database, MINE)
    lane = postgres_database._lane
    (definition,) = lane._defined
    function = definition.removeprefix("CREATE OR REPLACE FUNCTION ").partition("(")[0]
    await lane._driver.execute(f"DROP FUNCTION {function}")

    assert not await buy(postgres_database, MINE, known=[MINE])

    assert await count(postgres_database) == 1
    assert lane._defined == {definition: False}


@pytest.fixture
async def humble(databases):
    """The database of a user who may define nothing, and that of its owner."""
    async with databases.postgres_url() as url:
        owner = Database(create_engine(url))
        name = make_url(url).database
        grants = (
            f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC',
            "CREATE ROLE humble LOGIN PASSWORD 'humble'",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO humble",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO humble",
        )
        async with owner.write() as connection:
            for statement in grants:
                await connection.exec_driver_sql(statement)
        own = make_url(url).set(username="humble", password="humble").render_as_string(hide_password=False)
        mine = Database(create_engine(own))
        yield mine, owner
        await mine.engine.dispose()
        async with owner.write() as connection:
            await connection.exec_driver_sql(f'GRANT TEMPORARY ON DATABASE "{name}" TO PUBLIC')
            await connection.exec_driver_sql("DROP OWNED BY humble")
            await connection.exec_driver_sql("DROP ROLE humble")
        await owner.engine.dispose()


async def test_who_may_define_nothing_takes_several_steps(humble):
    mine, owner = humble

    assert not await buy(mine, MINE)
    assert not await buy(mine, MINE), "not asked a second time"

    assert await count(owner) == 0
    assert list(mine._lane._defined.values()) == [False]


async def test_a_server_that_cannot_do_it_now_says_so(postgres_database):
    async with postgres_database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE capacity_holds RENAME TO elsewhere")
    try:
        with pytest.raises(DBAPIError) as told:
            await postgres_database._lane.transact(
                lambda lean: buying.at_once(lean, bundle_of(MINE), wanted=[MINE], known=())
            )
        assert told.value.orig.sqlstate == "42P01"
    finally:
        async with postgres_database.write() as connection:
            await connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO capacity_holds")
