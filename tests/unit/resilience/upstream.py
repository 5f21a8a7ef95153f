"""A scripted provider, and guards with settings that show only what a test is about."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aurora.domain.errors import ProviderError, Unavailable
from aurora.resilience.events import Event, Hooks
from aurora.resilience.guard import Guard
from aurora.resilience.policy import (
    BreakerPolicy,
    BulkheadPolicy,
    CachePolicy,
    GuardPolicy,
    LimiterPolicy,
    RetryPolicy,
)
from tests.fakes.clock import FakeClock

NAME = "vastai"


class Steady(random.Random):
    """Chance that always draws the same share."""

    def __init__(self, share: float = 0.0) -> None:
        super().__init__(0)
        self.share = share

    def random(self) -> float:
        return self.share


class Upstream:
    """Answers in the order given, then `ok` for ever; remembers when it was called."""

    def __init__(self, clock: FakeClock, *script: Any, default: Any = "ok") -> None:
        self._clock = clock
        self.script = list(script)
        self.default = default
        self.times: list[float] = []
        self.gate: asyncio.Event | None = None

    @property
    def calls(self) -> int:
        return len(self.times)

    def hold(self) -> asyncio.Event:
        """From now on answers come only after the returned event is set."""
        self.gate = asyncio.Event()
        return self.gate

    async def send(self) -> Any:
        self.times.append(self._clock.elapsed)
        answer = self.script.pop(0) if self.script else self.default
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(answer, BaseException):
            raise answer
        return answer


def down(**kwargs: Any) -> Unavailable:
    return Unavailable(NAME, "bad gateway", **{"status": 502, **kwargs})


def refusal(kind: type[ProviderError], **kwargs: Any) -> ProviderError:
    return kind(NAME, "said no", **kwargs)


DEFAULT = GuardPolicy(
    breaker=BreakerPolicy(jitter=0),
    limiter=LimiterPolicy(rate_per_min=6000),
    bulkhead=BulkheadPolicy(),
    cache=CachePolicy(ttl_jitter=0),
    retry=RetryPolicy(max_retries=0),
)


def make_guard(
    clock: FakeClock, *, listener: Callable[[Event], None] | None = None, chance: float = 0.0, **policy: Any
) -> Guard:
    hooks = Hooks() if listener is None else Hooks([listener])
    return Guard(NAME, replace(DEFAULT, **policy), clock=clock, rng=Steady(chance), hooks=hooks)


async def outcome(call: Awaitable[Any]) -> Any:
    """The answer or the error, as a value."""
    try:
        return await call
    except ProviderError as error:
        return error
