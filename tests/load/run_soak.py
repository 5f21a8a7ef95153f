"""`make soak`: ten minutes of renting and returning while faults come and go. `python -m tests.load.run_soak --help`

At the end every market is well again and everything is given back. Then: nothing is alive at the markets, every
instance in their ledgers is one attempt in our records, memory has not grown, and the log has no crash.
"""

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from tests.e2e.stack import Stack, stack
from tests.load.asking import requests
from tests.load.run_load import resident_mb

COMMAND = "python -m tests.load.run_soak"
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "code": 500, "probability": 0.5},
    {"kind": "status", "code": 503, "probability": 0.5},
    {"kind": "status", "code": 429, "headers": {"Retry-After": "2"}, "count": 3},
    {"kind": "latency", "ms": 800},
    {"kind": "hang", "count": 4},
    {"kind": "reset", "probability": 0.3},
    {"kind": "html", "probability": 0.5},
    {"kind": "truncate", "probability": 0.3},
    {"kind": "lost_response", "operation": "create", "probability": 0.5},
    {"kind": "lost_response", "operation": "terminate", "probability": 0.5},
    {"kind": "garbage_type", "operation": "status", "probability": 0.3},
    {"kind": "start_failure", "probability": 0.3},
    {"kind": "never_starts", "count": 2},
    {"kind": "list_lag", "seconds": 3},
    {"kind": "delete_ignored", "count": 2},
)
MEMORY_GROWTH_LIMIT = 1.25
"""Of the last quarter over the second one: the first fills caches."""
CRASHES = re.compile(
    r"Traceback|request_crashed|never awaited|step_crashed|Unclosed|Task exception was never"
)
_WELL_S, _UNWELL_S = 6.0, 10.0
_ENDING_S = 180.0
_ENDED = ("terminated", "failed")


@dataclass
class Tally:
    """What was seen on the way."""

    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


async def renting(running: Stack, tally: Tally, *, rng: random.Random, per_second: float) -> None:
    """A request now and then, some of them returned soon; until cancelled."""
    make = requests(rng)
    while True:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with running.session.post(f"{running.url}/route", json=make()) as answer:
                tally.statuses[str(answer.status)] += 1
                found = await answer.json(content_type=None)
            if answer.status == 200 and found.get("deployment_id"):
                tally.ids.append(found["deployment_id"])
        if len(tally.ids) > 20:
            given_back = tally.ids[rng.randrange(len(tally.ids))]
            async with running.session.delete(f"{running.url}/deployments/{given_back}") as answer:
                tally.statuses[f"delete {answer.status}"] += 1
        await asyncio.sleep(rng.expovariate(per_second))


async def breaking(running: Stack, tally: Tally, *, rng: random.Random, providers: list[str]) -> None:
    """One fault at one market, then none for a while; until cancelled."""
    while True:
        provider, fault = rng.choice(providers), rng.choice(FAULTS)
        await running.fault(provider=provider, **fault)
        tally.faults[fault["kind"]] += 1
        await asyncio.sleep(_UNWELL_S)
        await running.heal(provider)
        await asyncio.sleep(_WELL_S)


async def watching(running: Stack, tally: Tally) -> None:
    """Resident memory, every second; until cancelled."""
    assert running.aurora is not None
    while True:
        tally.memory.append(resident_mb(running.aurora.process.pid))
        await asyncio.sleep(1)


async def give_back(running: Stack) -> int:
    """End everything and wait until it has ended. How many are still not over at the end of the time."""
    began = time.monotonic()
    left = 1
    while left and time.monotonic() - began < _ENDING_S:
        open_ones = [one for one in await deployments(running) if one["status"] not in _ENDED]
        for one in open_ones:
            await running.delete(f"/deployments/{one['id']}")
        left = len(open_ones)
        await asyncio.sleep(1)
    return left


async def deployments(running: Stack) -> list[dict[str, Any]]:
    """All of them, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await running.get(f"/deployments?limit=200{cursor}")
        found += page["deployments"]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def drift(running: Stack, providers: list[str]) -> dict[str, Any]:
    """Our records against the markets' ledgers: instances by name, and money."""
    names: set[str] = set()
    counted = Decimal(0)
    for one in await deployments(running):
        counted += Decimal(str(one["cost_usd"]))
        names |= {attempt["name"] for attempt in (await running.get(f"/deployments/{one['id']}"))["attempts"]}
    rented = [row for provider in providers for row in await running.ledger(provider)]
    alive = [row for row in rented if row["stopped_at"] is None]
    billed = sum((Decimal(str(row["usd_billed"])) for row in rented), Decimal(0))
    labels = Counter(row["label"] for row in rented)
    return {
        "instances": len(rented),
        "alive": len(alive),
        "states_alive": dict(Counter(row["state"] for row in alive)),
        "unknown_to_us": sorted(label for label in labels if label not in names)[:5],
        "twice": sorted(label for label, number in labels.items() if number > 1)[:5],
        "billed_usd": str(billed),
        "counted_usd": str(counted),
    }


async def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One run: rent and break for the given time, heal, return, compare."""
    tally, rng = Tally(), random.Random(asked.seed)
    async with stack(
        folder, state_speed=20, VASTAI_TIMEOUT="2", AKASH_TIMEOUT="2", START_TIMEOUT="20"
    ) as running:
        await running.boot()
        listed = (await running.get("/providers"))["providers"]
        providers = [one["name"] for one in listed if one["offers"]]
        jobs = [
            asyncio.create_task(renting(running, tally, rng=rng, per_second=asked.rate)),
            asyncio.create_task(breaking(running, tally, rng=rng, providers=providers)),
            asyncio.create_task(watching(running, tally)),
        ]
        done, _ = await asyncio.wait(jobs, timeout=asked.minutes * 60, return_when=asyncio.FIRST_COMPLETED)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        for job in done:
            job.result()
        for provider in providers:
            await running.heal(provider)
        left = await give_back(running)
        found = await drift(running, providers)
        log = running.aurora.said if running.aurora else []
        code = await running.aurora.stop() if running.aurora else 1
        return _report(asked, tally, left=left, found=found, log=log, code=code)


def _report(
    asked: argparse.Namespace, tally: Tally, *, left: int, found: dict[str, Any], log: list[str], code: int
) -> dict[str, Any]:
    quarter = max(1, len(tally.memory) // 4)
    early, late = median(tally.memory[quarter : 2 * quarter] or [1.0]), median(tally.memory[-quarter:])
    crashes = [line for line in log if CRASHES.search(line)]
    refused = {key: value for key, value in tally.statuses.items() if key not in {"200", "delete 202"}}
    kept = {
        "nothing alive": found["alive"] == 0 and left == 0,
        "every instance is in our records": not found["unknown_to_us"] and not found["twice"],
        "memory": late / early < MEMORY_GROWTH_LIMIT,
        "no crash in the log": not crashes,
        "no 5xx": not any(key.startswith("5") for key in tally.statuses),
        "stopped cleanly": code == 0,
    }
    return {
        "name": "soak",
        "minutes": asked.minutes,
        "seed": asked.seed,
        "deployments": len(tally.ids),
        "answers": dict(tally.statuses),
        "other_answers": refused,
        "faults": dict(tally.faults),
        "not_over": left,
        **found,
        "memory_mb": {"second quarter": round(early), "last quarter": round(late)},
        "memory_steps": [round(each) for each, _ in pairwise(tally.memory[:: max(1, quarter // 2)])],
        "crashes": crashes[:5],
        "kept": kept,
        "command": " ".join([COMMAND, *sys.argv[1:]]),
    }


def main() -> int:
    """Exit code 1 when one of the promises was not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=1.0, help="routes per second, on average")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(measure(asked, Path(folder)))
    print(json.dumps(report, indent=1))  # noqa: T201 - a tool prints
    return 0 if all(report["kept"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
