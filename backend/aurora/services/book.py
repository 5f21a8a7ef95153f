"""Rows of the database that every request needs, in memory: bounded, and never long behind the database."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import TTLCache

from aurora.domain.clock import Clock

V = TypeVar("V")
Read = Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]
"""Reads rows by their keys; what is not there is not in the answer. Raises DatabaseUnavailable."""

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class BookPolicy:
    """`max_age_s`: an entry that nobody could refresh for so long is not believed any more."""

    max_age_s: float
    absent_s: float = 5.0
    """For so long it is remembered that a key was not there."""
    most: int = 10_000
    """Entries, and remembered absences; the ones that were used longest ago go first."""


@dataclass(slots=True)
class _Entry(Generic[V]):
    value: V
    read_at: float


class Book(Generic[V]):
    """`get` asks the database only for what it has not seen. `refresh`, every few seconds, notices changes.

    A change made in this process is told with `forget`: it holds at once, for a read that began before it is not
    kept. While the database is away entries are good until `max_age_s`.
    """

    def __init__(self, read: Read[V], *, clock: Clock, policy: BookPolicy) -> None:
        self._read = read
        self._clock = clock
        self._policy = policy
        self._entries: OrderedDict[str, _Entry[V]] = OrderedDict()
        self._absent: TTLCache[str, None] = TTLCache(policy.most, policy.absent_s, timer=clock.monotonic)
        self._reading: dict[str, asyncio.Task[V | None]] = {}
        self._changes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def peek(self, key: str) -> V | None:
        """What is known and still believed, without asking anybody."""
        entry = self._entries.get(key)
        if entry is None or self._clock.monotonic() - entry.read_at > self._policy.max_age_s:
            return None
        self._entries.move_to_end(key)
        return entry.value

    async def get(self, key: str) -> V | None:
        """None: it is not there. Raises DatabaseUnavailable for what is not known and cannot be read."""
        known = self.peek(key)
        if known is not None or key in self._absent:
            return known
        task = self._reading.get(key)
        if task is None:
            task = asyncio.create_task(self._read_one(key))
            self._reading[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def forget(self, *keys: str) -> None:
        """These were changed here: the next `get` reads them, and no read under way is believed."""
        self._changes += 1
        for key in keys:
            self._entries.pop(key, None)
            self._absent.pop(key, None)
            self._reading.pop(key, None)

    async def refresh(self) -> None:
        """Read again all that is known. Raises DatabaseUnavailable; then everything grows older."""
        for start in range(0, len(keys := list(self._entries)), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            changes, began = self._changes, self._clock.monotonic()
            found = await self._read(chunk)
            if self._changes != changes:
                return  # something was changed here while we read: the next refresh sees what came of it
            self._take_over(chunk, found, began)

    async def _read_one(self, key: str) -> V | None:
        changes, began = self._changes, self._clock.monotonic()
        value = (await self._read([key])).get(key)
        if self._changes != changes:
            return value  # for those who asked before the change; not kept
        if value is None:
            self._absent[key] = None
        else:
            self._entries[key] = _Entry(value, began)
            while len(self._entries) > self._policy.most:
                self._entries.popitem(last=False)
        return value

    def _take_over(self, chunk: Sequence[str], found: Mapping[str, V], began: float) -> None:
        for key in chunk:
            entry = self._entries.get(key)
            if key not in found:
                self._entries.pop(key, None)
            elif entry is not None:
                entry.value, entry.read_at = found[key], began

    def _landed(self, key: str, done: asyncio.Task[V | None]) -> None:
        if self._reading.get(key) is done:
            del self._reading[key]
        if not done.cancelled():
            done.exception()  # looked at, so that nobody is told it was never retrieved
