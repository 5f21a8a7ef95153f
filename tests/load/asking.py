"""Requests at a fixed rate. The clock of each starts when it is due, not when somebody gets around to send it."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import aiohttp

GPUS = ("a100", "h100", "4090", "t4", "rtx3090", "l40s")
REGIONS = ("us-west", "us-east", "eu-central", "global")
WORKLOADS = ("llm_inference", "llm_training", "rendering", "general")
_LONGEST_S = 30.0


@dataclass
class Answers:
    """What came back. Milliseconds from the moment at which a request was due."""

    ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    late_ms: list[float] = field(default_factory=list)
    """How late the asking side itself was: if this is large, the figures say nothing of the server."""
    ids: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Everything but a 200."""
        return sum(number for status, number in self.statuses.items() if status != "200")

    def figures(self) -> dict[str, Any]:
        """Quantiles and counts."""
        return {
            "answers": len(self.ms),
            "errors": self.failed,
            **{f"p{share:g}_ms": round(quantile(self.ms, share / 100), 2) for share in (50, 95, 99, 99.9)},
            "worst_ms": round(max(self.ms, default=0.0), 2),
            "asker_late_p99_ms": round(quantile(self.late_ms, 0.99), 2),
            "outcomes": dict(self.outcomes),
        }


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of them lie; 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def requests(rng: random.Random) -> Callable[[], dict[str, Any]]:
    """Requests as users make them: any GPU, place and length; limits that the market can mostly meet."""

    def one() -> dict[str, Any]:
        return {
            "workload_type": rng.choice(WORKLOADS),
            "gpu_type": rng.choice(GPUS),
            "region": rng.choice(REGIONS),
            "gpu_hours": rng.choice((0.5, 1.0, 2.0, 8.0)),
            "max_price": rng.choice((2.0, 3.0, 5.0)),
            "max_latency_ms": rng.choice((200, 300, 500)),
            "min_reputation": rng.choice((50, 70, 80)),
        }

    return one


async def at_rate(
    send: Callable[[Mapping[str, Any]], Awaitable[None]],
    make: Callable[[], Mapping[str, Any]],
    *,
    per_second: float,
    seconds: float,
    answers: Answers,
) -> None:
    """Start one request every 1/`per_second` s, whatever became of the earlier ones (an open loop)."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(per_second * seconds)):
            due = began + number / per_second
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            answers.late_ms.append((time.perf_counter() - due) * 1e3)
            group.create_task(_timed(send, make(), due=due, answers=answers))


async def _timed(
    send: Callable[[Mapping[str, Any]], Awaitable[None]],
    body: Mapping[str, Any],
    *,
    due: float,
    answers: Answers,
) -> None:
    try:
        await send(body)
    except (aiohttp.ClientError, TimeoutError) as exc:
        answers.statuses[type(exc).__name__] += 1
        answers.errors.append(f"{type(exc).__name__}: {exc}")
    answers.ms.append((time.perf_counter() - due) * 1e3)


def router(
    session: aiohttp.ClientSession, urls: Sequence[str], answers: Answers
) -> Callable[[Mapping[str, Any]], Awaitable[None]]:
    """`POST /route` of each server in turn, and what came of it."""
    turn = cycle(urls)

    async def send(body: Mapping[str, Any]) -> None:
        limit = aiohttp.ClientTimeout(total=_LONGEST_S)
        async with session.post(f"{next(turn)}/route", json=body, timeout=limit) as answer:
            text = await answer.text()
        answers.statuses[str(answer.status)] += 1
        if answer.status != 200:
            answers.errors.append(text[:300])
            return
        found = json.loads(text)
        answers.outcomes[found["status"]] += 1
        if found["deployment_id"] is not None:
            answers.ids.append(found["deployment_id"])

    return send
