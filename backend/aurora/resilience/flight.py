"""Loads under way: one for each key, whoever asks, and it outlives whoever asked first."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from aurora.domain.clock import Clock
from aurora.domain.errors import DeadlineExceeded
from aurora.domain.operation import Operation


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    task: asyncio.Task[object]
    ends_at: float
    """The deadline of the load itself, on the clock's monotonic scale."""


class Flights:
    """The present load of each key; older ones of the same key go on for those who wait for them."""

    def __init__(self, provider: str, *, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self._present: dict[tuple[Operation, str], Flight] = {}
        self._tasks: set[asyncio.Task[object]] = set()

    def get(self, key: tuple[Operation, str]) -> Flight | None:
        return self._present.get(key)

    def start(
        self, key: tuple[Operation, str], run: Callable[[], Coroutine[object, object, object]], ends_at: float
    ) -> Flight:
        """Begin a load, which becomes the key's present one."""
        task = asyncio.create_task(run())
        flight = Flight(task, ends_at)
        self._present[key] = flight
        self._tasks.add(task)

        def landed(done: asyncio.Task[object]) -> None:
            self._tasks.discard(done)
            if self._present.get(key) is flight:
                del self._present[key]
            if not done.cancelled():
                done.exception()  # looked at, so that nobody is told it was never retrieved

        task.add_done_callback(landed)
        return flight

    async def wait(self, flight: Flight, ends_at: float) -> object:
        """The load's answer or error. Cancelling the waiter leaves the load alone.

        Raises DeadlineExceeded when `ends_at` comes before the load's own end and it is not done by then.
        """
        if ends_at >= flight.ends_at:  # the load bounds its own waits
            return await asyncio.shield(flight.task)
        limit = asyncio.timeout(max(0.0, ends_at - self._clock.monotonic()))
        try:
            async with limit:
                return await asyncio.shield(flight.task)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise DeadlineExceeded(self._provider, "the shared load was not done in time") from error

    def disown(self) -> None:
        """Nobody joins or stores what is under way now."""
        self._present.clear()

    async def aclose(self) -> None:
        """Cancel every load and wait until they are gone."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
