"""What a whole process costs: time to ready, idle memory, import of the CLI. `python -m tests.benchmarks.bench_process`"""

import asyncio
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from tests.e2e.stack import Stack, stack

COMMAND = "python -m tests.benchmarks.bench_process"
READY_LIMIT_S = 3.0
MEMORY_LIMIT_MB = 150.0
IMPORT_LIMIT_S = 0.3


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def _seconds(*arguments: str) -> float:
    """Median of seven runs, the first (cold files) left out."""
    taken = []
    for _ in range(8):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
    return median(taken[1:])


async def run() -> list[dict[str, Any]]:
    """One row per figure, each with its limit and what it is a multiple of."""
    bare, imported = _seconds("-c", "pass"), _seconds("-c", "import aurora.cli.main")
    started = _seconds("-m", "aurora", "--help")
    ready, memory = await _process()
    rows = [
        ("import of the CLI", imported, IMPORT_LIMIT_S, "s", bare, "python -c pass"),
        ("aurora --help", started, IMPORT_LIMIT_S, "s", bare, "python -c pass"),
        ("aurora serve, start to ready", ready, READY_LIMIT_S, "s", bare, "python -c pass"),
        ("aurora serve, idle memory", memory, MEMORY_LIMIT_MB, "MB", MEMORY_LIMIT_MB, "the limit"),
    ]
    return [
        {
            "name": name,
            "value": round(value, 3),
            "unit": unit,
            "limit": limit,
            "kept": value < limit,
            "ratio": round(value / baseline, 2),
            "baseline": what,
            "data": "the emulators' 2,400 offers, relaxed limits, an empty SQLite file",
            "command": COMMAND,
            "python": platform.python_version(),
        }
        for name, value, limit, unit, baseline, what in rows
    ]


async def _process() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with stack(Path(folder), state_speed=1) as made:
            started = time.perf_counter()
            part = await made.boot()
            ready = time.perf_counter() - started
            await made.until(_all_read(made), "all markets read")
            return ready, _resident_mb(part.process.pid)


def _all_read(made: Stack) -> Callable[[], Awaitable[bool]]:
    """The first sync of every market is over: what follows is idling."""

    async def read() -> bool:
        listed = (await made.get("/providers"))["providers"]
        return all(one["last_sync"] is not None for one in listed)

    return read


if __name__ == "__main__":
    for row in asyncio.run(run()):
        print(json.dumps(row))  # noqa: T201 - a benchmark prints
