"""Looking at our instances: one call each while they are few, the provider's list when they are many."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aurora.domain.clock import Clock
from aurora.domain.errors import InstanceNotFound
from aurora.domain.instance import Instance
from aurora.domain.records import Attempt
from aurora.providers.base import Provider


class LiveCount(Protocol):
    """How many attempts are live at a provider now."""

    def __call__(self, provider: str) -> int: ...


@dataclass(slots=True)
class _Listing:
    read_at: float
    by_id: dict[str, Instance]


class GroupedSightings:
    """`few` or fewer live attempts are asked one by one; more share one list per `fresh_s` seconds.

    Absence from a list proves nothing (lists lag): it is always checked with a status call.
    """

    def __init__(self, *, clock: Clock, live: LiveCount, few: int = 4, fresh_s: float = 5.0) -> None:
        self._clock = clock
        self._live = live
        self._few = few
        self._fresh_s = fresh_s
        self._listings: dict[str, _Listing] = {}
        self._reading: dict[str, asyncio.Task[_Listing]] = {}

    async def see(self, provider: Provider, attempt: Attempt) -> Instance:
        """A sighting at most `fresh_s` old."""
        external_id = attempt.external_id
        if external_id is None:
            raise InstanceNotFound(provider.name, "the attempt has no instance id")
        if provider.capabilities.list_own and self._live(provider.name) > self._few:
            found = (await self._listing(provider)).by_id.get(external_id)
            if found is not None:
                return found
        return await provider.status(external_id)

    async def find_named(self, provider: Provider, name: str) -> Instance | None:
        """From a list that began after this call."""
        for one in await provider.list_own():
            if one.name == name:
                return one
        return None

    async def _listing(self, provider: Provider) -> _Listing:
        known = self._listings.get(provider.name)
        if known is not None and self._clock.monotonic() - known.read_at <= self._fresh_s:
            return known
        task = self._reading.get(provider.name)
        if task is None:
            task = asyncio.ensure_future(self._read(provider))
            self._reading[provider.name] = task
            task.add_done_callback(lambda _: self._reading.pop(provider.name, None))
        return await asyncio.shield(task)

    async def _read(self, provider: Provider) -> _Listing:
        began = self._clock.monotonic()
        instances: Sequence[Instance] = await provider.list_own()
        listing = _Listing(began, {one.external_id: one for one in instances})
        self._listings[provider.name] = listing
        return listing
