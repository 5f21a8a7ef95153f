"""Alerts on their way to the webhook: in order, again and again for an hour, in nobody's way."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from aurora.domain.alert import Delivery, DeliveryFailed
from aurora.domain.clock import Clock
from aurora.services.alert_message import Origin, delivery
from aurora.services.alerts import Transition

WHAT = "alert webhook"
"""How the log names it."""
LONGEST_S = 3600.0
"""A message is given up when no attempt before this age succeeded."""
MOST = 1000
"""Messages that wait; the oldest makes room."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
LOOK_S = 5.0
"""Between two looks whether this process has become the one that sends."""
DRAIN_S = 2.0


class Watch(Protocol):
    """Counts messages by what became of them."""

    def webhook(self, outcome: str, *, messages: int = 1) -> None: ...

    def webhook_waiting(self, messages: int) -> None: ...


class Report(Protocol):
    """Says once that the webhook fails and once that it works again."""

    def failed(self, name: str, error: BaseException | str) -> None: ...

    def succeeded(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class OutboxParts:
    """What an outbox works with. `may_send`: is this process the one that tells of it? Asked at every message."""

    send: Callable[[Delivery], Awaitable[None]]
    origin: Origin
    clock: Clock
    watch: Watch
    report: Report
    rng: random.Random
    may_send: Callable[[Transition], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class _Waiting:
    delivery: Delivery
    until: float
    """Monotonic seconds after which no further attempt is made."""


class AlertOutbox:
    """An `alerts.Listener`; `run()` sends what it was told.

    One message at a time and in order, so that no end arrives before its start. While this process may not send, the
    alerts that hold are kept back, and told when it may: whoever should have told them may have died before.
    """

    def __init__(self, parts: OutboxParts) -> None:
        self._parts = parts
        self._queue: deque[_Waiting] = deque()
        self._kept_back: dict[tuple[str, str], Transition] = {}
        self._told = asyncio.Event()

    def __call__(self, transition: Transition) -> None:
        """Quick: only puts it into the queue."""
        key = (transition.name, transition.provider)
        if self._parts.may_send(transition):
            self._kept_back.pop(key, None)
            self._put(transition)
        elif transition.active:
            self._kept_back[key] = transition
        else:
            self._kept_back.pop(key, None)

    async def run(self) -> NoReturn:
        """Until cancelled; what waits then gets one more attempt within DRAIN_S."""
        try:
            while True:
                await self._news()
                self._take_over()
                while self._queue:
                    await self._deliver(self._queue[0])
        finally:
            await self._drain()

    def _put(self, transition: Transition) -> None:
        waiting = _Waiting(
            delivery(transition, self._parts.origin), self._parts.clock.monotonic() + LONGEST_S
        )
        if len(self._queue) >= MOST:
            self._queue.popleft()
            self._parts.watch.webhook("dropped")
        self._queue.append(waiting)
        self._count()
        self._told.set()

    def _take_over(self) -> None:
        for key, transition in list(self._kept_back.items()):
            if self._parts.may_send(transition):
                del self._kept_back[key]
                self._put(transition)

    async def _news(self) -> None:
        """Until something is told, or it is time to look around."""
        told = asyncio.ensure_future(self._told.wait())
        timer = asyncio.ensure_future(self._parts.clock.sleep(LOOK_S))
        try:
            await asyncio.wait({told, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            timer.cancel()
            await asyncio.gather(told, timer, return_exceptions=True)
        self._told.clear()

    async def _deliver(self, waiting: _Waiting) -> None:
        """Send one, or give it up."""
        try:
            async for attempt in self._attempts(waiting):
                with attempt:
                    await self._parts.send(waiting.delivery)
        except DeliveryFailed as exc:
            self._done(waiting, "expired" if exc.again else "refused")
            self._parts.report.failed(WHAT, exc.detail)
        else:
            self._done(waiting, "delivered")
            self._parts.report.succeeded(WHAT)

    def _attempts(self, waiting: _Waiting) -> AsyncRetrying:
        def before_sleep(state: RetryCallState) -> None:
            self._parts.watch.webhook("retried")
            self._parts.report.failed(WHAT, _failure(state).detail)

        return AsyncRetrying(
            retry=retry_if_exception(lambda exc: isinstance(exc, DeliveryFailed) and exc.again),
            wait=_Backoff(self._parts.rng),
            stop=_TooLate(self._parts.clock, waiting.until),
            sleep=self._parts.clock.sleep,
            before_sleep=before_sleep,
            reraise=True,
        )

    def _done(self, waiting: _Waiting, outcome: str) -> None:
        # While it was being sent the queue may have overflowed, and it with it.
        if self._queue and self._queue[0] is waiting:
            self._queue.popleft()
        self._parts.watch.webhook(outcome)
        self._count()

    def _count(self) -> None:
        self._parts.watch.webhook_waiting(len(self._queue))

    async def _drain(self) -> None:
        """One attempt each, briefly: the receiver knows a repeat by its id."""
        try:
            async with asyncio.timeout(DRAIN_S):
                while self._queue:
                    await self._parts.send(self._queue[0].delivery)
                    self._done(self._queue[0], "delivered")
        except (DeliveryFailed, TimeoutError) as exc:
            self._parts.report.failed(WHAT, type(exc).__name__)
        if self._queue:
            self._parts.watch.webhook("dropped", messages=len(self._queue))


class _Backoff(wait_base):
    """1, 2, 4 ... 300 s, up to a quarter longer by chance; or as long as the receiver asks, if that is longer."""

    def __init__(self, rng: random.Random) -> None:
        self._exponential = wait_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S)
        self._rng = rng

    def __call__(self, retry_state: RetryCallState) -> float:
        backoff = self._exponential(retry_state) * self._rng.uniform(1.0, 1.25)
        return max(backoff, _failure(retry_state).retry_after or 0.0)


class _TooLate(stop_base):
    """After the next wait the message would be too old."""

    def __init__(self, clock: Clock, until: float) -> None:
        self._clock = clock
        self._until = until

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._clock.monotonic() + retry_state.upcoming_sleep >= self._until


def _failure(state: RetryCallState) -> DeliveryFailed:
    """The predicate let only these pass."""
    error = None if state.outcome is None else state.outcome.exception()
    if not isinstance(error, DeliveryFailed):
        raise TypeError("tenacity asked about an outcome that is no failed delivery")
    return error
