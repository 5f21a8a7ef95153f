"""Seven markets read side by side: what a sync of all takes against the slowest alone, and against all in turn.

Data: the emulators' own catalogues, 20,000 offers and more in seven markets, relaxed limits, every listing answered 40
ms late, in a process of their own. Each market is read alone and then all at once, both times into an empty SQLite
file, best of three rounds. Baseline: the sum of the seven syncs alone. Command:
`python -m tests.benchmarks.bench_width`, or `make bench`.
"""

import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from aurora.bootstrap import Aurora, running
from aurora.domain.clock import SystemClock
from aurora.settings import PROVIDERS, load_settings
from tests.databases import Databases
from tests.e2e.stack import start

COMMAND = "python -m tests.benchmarks.bench_width"
OFFERS = 20_000
LATE_MS = 40
ROUNDS = 3
_READY = re.compile(r"Emulators ready on (http://[^\s:]+:\d+)")
TIMES_THE_SLOWEST = 2.0
"""Most that all together may take."""


@asynccontextmanager
async def booted(folder: Path, name: str, url: str) -> AsyncIterator[Aurora]:
    """An Aurora that knows nothing yet, unmetered."""
    chosen: dict[str, Any] = {f"{each}_rate_limit": 1_000_000 for each in PROVIDERS}
    database = await Databases(folder).sqlite_url(folder / f"{name}.db")
    settings = load_settings(None, database_url=database, emulator_url=url, **chosen)
    async with running(settings, clock=SystemClock()) as aurora:
        await aurora.follow_emulator()
        yield aurora


class Taken(NamedTuple):
    """Seconds of one sync, and those of the processor among them: what cannot be done side by side."""

    wall: float
    busy: float


async def taken_by(aurora: Aurora, names: Iterable[str]) -> Taken:
    """One sync of these markets, side by side."""
    began, busy = time.perf_counter(), time.process_time()
    reports = await asyncio.gather(*(aurora.sync.run(name, deadline_s=600) for name in names))
    taken = Taken(time.perf_counter() - began, time.process_time() - busy)
    bad = [report for report in reports if report.outcome != "ok"]
    if bad:
        raise RuntimeError(f"a sync was not complete: {bad}")
    return taken


async def run() -> list[dict[str, Any]]:
    """One row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        emulators = await start(
            "emulate", "--port", "0", "--limits", "relaxed", "--offers", str(OFFERS), env={}
        )
        try:
            url = await emulators.says(_READY)
            await _slow(url)
            alone, together, offers = await _measured(folder, url)
        finally:
            await emulators.stop()
    slowest = max(alone, key=lambda market: alone[market].wall)
    in_turn = sum(each.wall for each in alone.values())
    ratio = together.wall / alone[slowest].wall
    return [
        {
            "name": "sync of seven markets side by side",
            "offers": offers,
            "all_s": round(together.wall, 2),
            "all_busy_s": round(together.busy, 2),
            "slowest": slowest,
            "slowest_s": round(alone[slowest].wall, 2),
            "slowest_busy_s": round(alone[slowest].busy, 2),
            "in_turn_s": round(in_turn, 2),
            "over_the_slowest": round(ratio, 2),
            "share_of_in_turn": round(together.wall / in_turn, 2),
            "limit": TIMES_THE_SLOWEST,
            "kept": ratio < TIMES_THE_SLOWEST,
            "baseline": "the same seven markets, one after the other",
            "data": f"{offers} offers of seven emulators, every listing {LATE_MS} ms late",
            "command": COMMAND,
        }
    ]


async def _measured(folder: Path, url: str) -> tuple[dict[str, Taken], Taken, int]:
    """The best of `ROUNDS`, each with empty files, alone and together in turn: what others do here does not count."""
    alone: dict[str, Taken] = {}
    together: list[Taken] = []
    for number in range(ROUNDS):
        async with booted(folder, f"alone-{number}", url) as aurora:
            for market in PROVIDERS:
                taken = await taken_by(aurora, (market,))
                alone[market] = min(taken, alone.get(market, taken))
        async with booted(folder, f"together-{number}", url) as aurora:
            together.append(await taken_by(aurora, PROVIDERS))
            offers = sum(1 for _ in aurora.catalogue.offers())
    return alone, min(together), offers


async def _slow(url: str) -> None:
    fault = {"kind": "latency", "operation": "offers", "ms": LATE_MS, "count": None}
    async with aiohttp.ClientSession() as session:
        for market in PROVIDERS:
            async with session.post(f"{url}/_emulator/{market}/faults", json=fault) as answer:
                answer.raise_for_status()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(run()), indent=1) + "\n")
