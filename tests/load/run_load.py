"""`make load`: routes at a fixed rate while a large catalogue is synced. `python -m tests.load.run_load --help`"""

import argparse
import asyncio
import json
import os
import platform
import random
import re
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from aurora.cli.fast_loop import fast_loop
from tests.databases import Databases
from tests.e2e.stack import Part, Stack, stack
from tests.load.asking import Answers, at_rate, quantile, requests, router

COMMAND = "python -m tests.load.run_load"
P99_LIMIT_MS = 50.0
_SYNC_EVERY_S = 1.0
_ALWAYS = {"PROVIDER_SYNC_INTERVAL": "5", "VASTAI_SYNC_INTERVAL": "5"}
"""The worker reads the markets nearly without a pause."""
_LOOK_S = 5.0
"""Between two looks at /metrics: three times as often as a scraper comes."""
_LAG = re.compile(r"^aurora_event_loop_lag_seconds\S*\s+(\S+)$", re.MULTILINE)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="routes per second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--offers", type=int, default=20_000, help="offers of the emulated Vast.ai")
    parser.add_argument("--database", default="", help="DATABASE_URL; default: a fresh SQLite file")
    parser.add_argument(
        "--split", action="store_true", help="--role api beside --role worker, on a Postgres of our own"
    )
    parser.add_argument(
        "--apis", type=int, default=1, help="with --split: so many of --role api, asked in turn"
    )
    parser.add_argument("--no-sync", action="store_true", help="without syncs meanwhile")
    return parser.parse_args()


async def syncs(session: aiohttp.ClientSession, url: str, seconds: list[float]) -> None:
    """One sync after the other, until cancelled."""
    while True:
        began = time.perf_counter()
        async with session.post(
            f"{url}/api/v1/providers/sync", timeout=aiohttp.ClientTimeout(total=600)
        ) as answer:
            await answer.read()
        seconds.append(time.perf_counter() - began)
        await asyncio.sleep(_SYNC_EVERY_S)


async def watch(stack_: Stack, pids: list[int], memory: list[float], lag: list[float]) -> None:
    """Resident memory of the server and the lag of its event loop, now and then, until cancelled."""
    while True:
        memory.append(sum(resident_mb(pid) for pid in pids))
        async with stack_.session.get(f"{stack_.url}/metrics") as answer:
            found = _LAG.search(await answer.text())
        if found:
            lag.append(float(found[1]) * 1e3)
        await asyncio.sleep(_LOOK_S)


def elsewhere(pid: int) -> None:
    """The emulators stand for machines elsewhere: they take only what ours leave of these cores."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


async def another(exits: AsyncExitStack, running: Stack) -> tuple[Part, str]:
    """One more API process on the same database, ready; ends with `exits`."""
    part = await running.boot(role="api")
    exits.push_async_callback(part.kill)
    return part, running.url


def resident_mb(pid: int) -> float:
    """Of one process, as Linux counts it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def cpu_seconds(pid: int) -> float:
    """User and system time of one process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One run: boot, fill, ask, report."""
    answers, sync_s, memory, lag = Answers(), [], [], []
    settings = {"DATABASE_URL": asked.database} if asked.database else {}
    async with AsyncExitStack() as exits:
        if asked.split:
            servers = Databases(folder / "servers")
            exits.push_async_callback(servers.aclose)
            settings = {"DATABASE_URL": await exits.enter_async_context(servers.postgres_url())}
        running = await exits.enter_async_context(
            stack(folder, state_speed=50, offers=asked.offers, LOG_LEVEL="WARNING", **settings)
        )
        elsewhere(running.emulator.process.pid)
        began = time.perf_counter()
        worker = await running.boot(role="worker", **_ALWAYS) if asked.split else None
        if worker is not None:
            exits.push_async_callback(worker.kill)  # the stack ends only what was booted last
        more = [await another(exits, running) for _ in range(asked.apis - 1)] if asked.split else []
        server = await running.boot(role="api" if asked.split else "all")
        booted = time.perf_counter() - began
        urls = [running.url, *(url for _, url in more)]
        apis = [server.process.pid, *(part.process.pid for part, _ in more)]
        pids = [*apis, *([] if worker is None else [worker.process.pid])]
        connector = aiohttp.TCPConnector(limit=0)
        session = await exits.enter_async_context(aiohttp.ClientSession(connector=connector))
        offers = (await running.get("/providers"))["providers"]
        make = requests(random.Random(7))
        warm = Answers()
        await at_rate(router(session, urls, warm), make, per_second=20, seconds=2, answers=warm)
        side = [asyncio.create_task(watch(running, pids, memory, lag))]
        if not (asked.no_sync or asked.split):
            side.append(asyncio.create_task(syncs(session, running.url, sync_s)))
        began, cpu = time.perf_counter(), sum(map(cpu_seconds, apis))
        await at_rate(
            router(session, urls, answers),
            make,
            per_second=asked.rate,
            seconds=asked.seconds,
            answers=answers,
        )
        took, cpu = time.perf_counter() - began, sum(map(cpu_seconds, apis)) - cpu
        for task in side:
            task.cancel()
        await asyncio.gather(*side, return_exceptions=True)
        return {
            "name": "routes under load",
            **answers.figures(),
            "server_cpu_s": round(cpu, 1),
            "routes_per_s": round(len(answers.ms) / took, 1),
            "asked_per_s": asked.rate,
            "seconds": round(took, 1),
            "offers": {one["name"]: one["offers"] for one in offers},
            "syncs": len(sync_s),
            "sync_s": [round(each, 1) for each in sync_s],
            "memory_mb": [round(memory[0]), round(max(memory))] if memory else None,
            "loop_lag_ms_worst": round(quantile(lag, 1.0), 1),
            "start_to_ready_s": round(booted, 1),
            "limit": f"p99 < {P99_LIMIT_MS:g} ms, no error",
            "kept": answers.failed == 0 and quantile(answers.ms, 0.99) < P99_LIMIT_MS,
            "first_errors": answers.errors[:3],
            "database": "postgres" if settings else "sqlite",
            "processes": f"{asked.apis} api and a worker" if asked.split else "one",
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "command": " ".join([COMMAND, *sys.argv[1:]]),
        }


def main() -> int:
    """Exit code 1 when the limit was not kept."""
    asked = arguments()
    # The asker shares the processors with whom it asks: it takes the least of them on the faster loop.
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=fast_loop()) as runner:
        report = runner.run(measure(asked, Path(folder)))
    print(json.dumps(report, indent=1))  # noqa: T201 - a tool prints
    return 0 if report["kept"] else 1


if __name__ == "__main__":
    sys.exit(main())
