"""Short transactions in a lane of their own: committed whole or not at all, and a broken connection is made again."""

import asyncio

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.db.lane import Lane
from aurora.domain.errors import AuroraError, DatabaseUnavailable

_PUT = text("INSERT INTO notes (id, said) VALUES (:id, :said)").bindparams(bindparam("id"), bindparam("said"))
_READ = text("SELECT id, said FROM notes WHERE id >= :first ORDER BY id")
_WHO = text("SELECT pg_backend_pid() AS pid, CAST(:unused AS text) AS unused")
_SLEEP = text("SELECT pg_sleep(:seconds)")
_WRONG = text("SELECT nothing FROM nowhere WHERE id = :id")
_CUT = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname = current_database() AND application_name = 'lane'"
)


def put(number: int, said: str = "so"):
    async def job(connection) -> int:
        await connection.execute(_PUT, {"id": number, "said": said})
        return number

    return job


async def who(connection) -> int:
    (row,) = (await connection.execute(_WHO, {"unused": ""})).mappings()
    return row["pid"]


async def notes(database: Database) -> list[int]:
    async with database.read() as connection:
        return [row["id"] for row in (await connection.execute(_READ, {"first": 0})).mappings()]


@pytest.fixture
async def place(databases):
    """A database with the lane's connections told apart, and another way in."""
    async with databases.postgres_url() as url:
        mine, other = (
            Database(create_engine(url, application=name, trusted_s=60.0)) for name in ("lane", "other")
        )
        async with other.write() as connection:
            await connection.execute(text("CREATE TABLE notes (id integer PRIMARY KEY, said text)"))
        yield mine, other
        for each in (mine, other):
            await each.engine.dispose()


async def cut(other: Database) -> None:
    async with other.write() as connection:
        await connection.execute(_CUT)


async def test_what_is_done_is_committed_on_one_connection(place):
    mine, other = place

    pids = [await mine.transact(who, lean=True) for _ in range(3)]
    assert await mine.transact(put(1), lean=True) == 1
    found = await mine.transact(lambda lean: lean.execute(_READ, {"first": 1}), lean=True)

    assert len(set(pids)) == 1
    assert [dict(row) for row in found.mappings()] == [{"id": 1, "said": "so"}]
    assert await notes(other) == [1]


async def test_those_who_come_together_go_one_after_the_other(place):
    mine, other = place

    assert await asyncio.gather(*(mine.transact(put(number), lean=True) for number in range(5))) == [
        *range(5)
    ]

    assert await notes(other) == [*range(5)]


async def test_what_the_job_says_no_to_is_rolled_back_and_the_connection_kept(place):
    mine, other = place
    pid = await mine.transact(who, lean=True)

    async def refused(lean) -> None:
        await put(1)(lean)
        raise AuroraError("no")

    with pytest.raises(AuroraError, match="no"):
        await mine.transact(refused, lean=True)

    assert await notes(other) == []
    assert await mine.transact(who, lean=True) == pid


async def test_a_row_that_may_not_be_is_an_integrity_error(place):
    mine, other = place
    await mine.transact(put(1), lean=True)
    pid = await mine.transact(who, lean=True)

    with pytest.raises(IntegrityError):
        await mine.transact(put(1, "again"), lean=True)

    assert await mine.transact(who, lean=True) == pid
    assert await notes(other) == [1]


async def test_a_mistake_is_told_with_its_sqlstate_and_leaves_nothing(place):
    mine, other = place

    async def wrong(lean) -> None:
        await put(1)(lean)
        await lean.execute(_WRONG, {"id": 1})

    lane = Lane(mine.engine)
    with pytest.raises(DBAPIError) as told:
        await lane.transact(wrong)

    assert told.value.orig.sqlstate == "42P01"
    assert await lane.transact(put(2)) == 2
    assert await notes(other) == [2]


async def test_a_broken_connection_costs_one_transaction_at_most(place):
    mine, other = place
    await mine.transact(who, lean=True)
    await cut(other)

    first = await asyncio.gather(mine.transact(put(1), lean=True), return_exceptions=True)
    assert await mine.transact(put(2), lean=True) == 2

    kept = first == [1]
    assert kept or isinstance(first[0], DatabaseUnavailable)
    assert await notes(other) == ([1, 2] if kept else [2]), "refused, or there"


async def test_one_that_broke_while_it_rested_costs_none(place):
    mine, other = place
    lane = Lane(mine.engine, trusted_s=0.0)
    first = await lane.transact(who)
    await cut(other)

    assert await lane.transact(who) != first


async def test_one_that_is_known_to_be_closed_costs_none(place):
    mine, other = place
    lane = Lane(mine.engine, trusted_s=60.0)
    await lane.transact(who)
    await cut(other)
    async with asyncio.timeout(5):
        while not lane._driver.is_closed():
            await asyncio.sleep(0)

    assert await lane.transact(put(1)) == 1


async def test_who_does_not_wait_for_the_end_leaves_nothing(place):
    mine, other = place
    pid = await mine.transact(who, lean=True)

    async def slow(lean) -> None:
        await put(1)(lean)
        await lean.execute(_SLEEP, {"seconds": 30.0})

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await mine.transact(slow, lean=True)

    assert await mine.transact(who, lean=True) != pid
    assert await notes(other) == []


async def test_its_connection_ends_with_the_engine(place):
    mine, other = place
    await mine.transact(who, lean=True)

    await mine.engine.dispose()

    async def alone() -> bool:
        async with other.read() as connection:
            return not list(
                await connection.execute(
                    text("SELECT 1 FROM pg_stat_activity WHERE application_name = 'lane'")
                )
            )

    async with asyncio.timeout(5):
        while not await alone():
            await asyncio.sleep(0)
    assert await mine.transact(put(1), lean=True) == 1


async def test_with_listeners_every_statement_goes_by_sqlalchemy(place):
    mine, _ = place
    mine.statements_are_watched()

    async def scalar(connection) -> int:
        return (await connection.execute(text("SELECT 1"))).scalar_one()

    assert await mine.transact(scalar, lean=True) == 1


async def test_a_lean_job_runs_on_sqlite_too(sqlite_database):
    async with sqlite_database.write() as connection:
        await connection.execute(text("CREATE TABLE notes (id integer PRIMARY KEY, said text)"))

    assert await sqlite_database.transact(put(1), lean=True) == 1

    assert await notes(sqlite_database) == [1]


async def test_what_is_to_be_a_transaction_of_its_own_is_no_part_of_another(place):
    mine, other = place

    async def job(lean) -> None:
        await put(1)(lean)
        await lean.alone(_PUT, {"id": 2, "said": "so"})

    with pytest.raises(RuntimeError, match="has begun"):
        await mine.transact(job, lean=True)
    await mine.transact(lambda lean: lean.alone(_PUT, {"id": 3, "said": "so"}), lean=True)

    assert await notes(other) == [3]


class Deaf:
    """A connection whose other end is gone, without a word of it so far."""

    def is_closed(self) -> bool:
        return False

    async def execute(self, query: str) -> str:
        raise ConnectionResetError(query)

    async def fetch(self, query: str, *_: object) -> list[dict[str, object]]:
        raise ConnectionResetError(query)


async def test_one_that_rested_is_asked_whether_it_lives_before_it_is_used(place):
    mine, _ = place
    lane = Lane(mine.engine, trusted_s=0.0)
    lane._driver = Deaf()

    assert await lane.transact(put(1)) == 1
