"""What the guard costs: a cache hit and a full pass over a bare await. `python -m tests.benchmarks.bench_guard`"""

import asyncio
import gc
import json
import platform
import random
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from aurora.domain.clock import SystemClock
from aurora.domain.operation import Operation
from aurora.resilience.guard import Guard
from aurora.resilience.policy import GuardPolicy, LimiterPolicy

COMMAND = "python -m tests.benchmarks.bench_guard"
DATA = "send returns a constant tuple at once; rate so high that nobody waits; no listeners"
ROUNDS = 9
CALLS = 2000
ANSWER = ("offer",)


async def send() -> tuple[str, ...]:
    return ANSWER


def guard() -> Guard:
    policy = GuardPolicy(limiter=LimiterPolicy(rate_per_min=6e9))
    return Guard("bench", policy, clock=SystemClock(), rng=random.Random(1))


async def best_us(call: Callable[[int], Awaitable[object]]) -> float:
    """Median over the rounds of the mean microseconds of a call."""
    means = []
    for _ in range(ROUNDS):
        gc.collect()
        started = time.perf_counter()
        for n in range(CALLS):
            await call(n)
        means.append((time.perf_counter() - started) / CALLS * 1e6)
    return median(means)


async def run() -> list[dict[str, Any]]:
    """One row each: microseconds, and the ratio to the baseline (the bare await)."""
    warm = guard()
    await warm.call(Operation.OFFERS, send, cache_key="k")
    cold = guard()
    cases: list[tuple[str, Callable[[int], Awaitable[object]]]] = [
        ("bare await", lambda n: send()),
        ("guard, cache hit", lambda n: warm.call(Operation.OFFERS, send, cache_key="k")),
        ("guard, full pass without cache", lambda n: cold.call(Operation.STATUS, send)),
        (
            "guard, cache miss with single flight",
            lambda n: cold.call(Operation.OFFERS, send, cache_key=str(n % 400), fresh=True),
        ),
    ]
    timed = [(name, await best_us(call)) for name, call in cases]
    baseline = timed[0][1]
    return [
        {
            "name": name,
            "us": round(us, 2),
            "overhead_us": round(us - baseline, 2),
            "ratio": round(us / baseline, 1),
            "baseline": "bare await",
            "data": DATA,
            "command": COMMAND,
            "python": platform.python_version(),
        }
        for name, us in timed
    ]


if __name__ == "__main__":
    for row in asyncio.run(run()):
        print(json.dumps(row))  # noqa: T201 - a benchmark prints
