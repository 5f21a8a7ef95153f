"""Rows in memory: asked for once, refreshed, forgotten at once, bounded, good for a while without the database."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from aurora.domain.errors import DatabaseUnavailable
from aurora.services.book import Book, BookPolicy
from tests.fakes.clock import FakeClock, settle


class Shelf:
    """A table of texts that counts who reads it."""

    def __init__(self, **rows: str) -> None:
        self.rows = rows
        self.asked: list[list[str]] = []
        self.away = False
        self.gate: asyncio.Event | None = None

    async def read(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(list(keys))
        found = {key: self.rows[key] for key in keys if key in self.rows}
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise DatabaseUnavailable("away")
        return found


def made(shelf: Shelf, clock: FakeClock, **policy: float) -> Book[str]:
    return Book(shelf.read, clock=clock, policy=BookPolicy(**{"max_age_s": 60.0, **policy}))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_what_is_known_and_what_is_absent_is_asked_for_once(clock):
    shelf = Shelf(a="1")
    book = made(shelf, clock)

    assert [await book.get(key) for key in "aabb"] == ["1", "1", None, None]
    assert shelf.asked == [["a"], ["b"]]


async def test_an_absence_is_remembered_for_seconds_only(clock):
    shelf = Shelf()
    book = made(shelf, clock, absent_s=5)
    assert await book.get("a") is None
    shelf.rows["a"] = "1"

    assert await book.get("a") is None
    clock.advance(5.1)

    assert await book.get("a") == "1"


async def test_those_who_ask_at_once_share_one_read(clock):
    shelf = Shelf(a="1")
    shelf.gate = asyncio.Event()
    book = made(shelf, clock)
    asking = [asyncio.create_task(book.get("a")) for _ in range(10)]
    await settle()
    asking[0].cancel()

    shelf.gate.set()

    assert await asyncio.gather(*asking[1:]) == ["1"] * 9
    assert len(shelf.asked) == 1


async def test_a_refresh_notices_changes_and_removals_in_one_read(clock):
    shelf = Shelf(a="1", b="2")
    book = made(shelf, clock)
    await book.get("a")
    await book.get("b")
    shelf.rows = {"a": "one"}

    await book.refresh()

    assert (book.peek("a"), book.peek("b")) == ("one", None)
    assert shelf.asked[-1] == ["a", "b"]


async def test_without_the_database_what_is_known_is_believed_for_its_age_and_no_longer(clock):
    shelf = Shelf(a="1")
    book = made(shelf, clock)
    await book.get("a")
    shelf.away = True
    with pytest.raises(DatabaseUnavailable):
        await book.refresh()

    clock.advance(60)
    assert await book.get("a") == "1"
    clock.advance(0.1)
    with pytest.raises(DatabaseUnavailable):
        await book.get("a")
    with pytest.raises(DatabaseUnavailable):
        await book.get("never seen")


async def test_a_failed_read_is_no_absence(clock):
    shelf = Shelf(a="1")
    shelf.away = True
    book = made(shelf, clock)
    with pytest.raises(DatabaseUnavailable):
        await book.get("a")

    shelf.away = False

    assert await book.get("a") == "1"


async def test_a_change_made_here_holds_although_a_read_of_before_is_under_way(clock):
    shelf = Shelf(a="old")
    shelf.gate = asyncio.Event()
    book = made(shelf, clock)
    slow = asyncio.create_task(book.get("a"))
    await settle()

    shelf.rows["a"] = "new"
    book.forget("a")
    shelf.gate.set()
    await slow

    assert await book.get("a") == "new"


async def test_a_refresh_that_began_before_a_change_is_not_believed(clock):
    shelf = Shelf(a="old")
    book = made(shelf, clock)
    await book.get("a")
    shelf.gate = asyncio.Event()
    refreshing = asyncio.create_task(book.refresh())
    await settle()

    shelf.rows["a"] = "new"
    book.forget("a")
    shelf.gate.set()
    await refreshing

    assert book.peek("a") is None
    assert await book.get("a") == "new"


async def test_what_was_used_longest_ago_makes_room_and_a_refresh_is_no_use(clock):
    shelf = Shelf(a="1", b="2", c="3")
    book = made(shelf, clock, most=2)
    await book.get("a")
    await book.get("b")
    book.peek("a")
    await book.refresh()

    await book.get("c")

    assert len(book) == 2
    assert (book.peek("a"), book.peek("b"), book.peek("c")) == ("1", None, "3")
