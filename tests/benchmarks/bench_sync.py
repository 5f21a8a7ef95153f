"""What a sync costs in the database and how long it keeps the event loop busy.

Data: 20,000 offers made from the captured Vast rows that ship with the emulators, in 50 slices and, for the worst
case of the event loop, in one. Baseline: the first sync, which inserts all of them. Command:
`python -m tests.benchmarks.bench_sync`, or `make bench`.
"""

import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from aurora.db.database import Database
from aurora.db.engine import create_writer
from aurora.domain.clock import SystemClock
from aurora.domain.gpu import GpuModel
from aurora.domain.offer import Offer, PriceKind
from aurora.emulators.seed_files import document
from aurora.providers.base import Cursor, OffersPage
from aurora.services.catalogue import Catalogue
from aurora.services.collector import spare_the_loop
from aurora.services.offer_sync import OfferSync
from aurora.services.sync_findings import SyncPolicy
from tests.databases import Databases
from tests.markets import Markets

OFFERS = 20_000
SHARE_LIMIT = 0.15
BLOCK_LIMIT_MS = 30.0
COMMAND = "python -m tests.benchmarks.bench_sync"
DATA = "20,000 offers from vast_bundles_a100_2026-06-03 and vast_bundles_rtx4090_2024-07-30, varied by id and price"


class CountedDatabase(Database):
    """Adds up the seconds spent inside transactions."""

    seconds = 0.0

    @asynccontextmanager
    async def write(self, **how: bool) -> AsyncIterator:
        with self._counted():
            async with super().write(**how) as connection:
                yield connection

    async def transact(self, job: Callable, **how: bool) -> Any:
        with self._counted():
            return await super().transact(job, **how)

    @asynccontextmanager
    async def read(self, **how: bool) -> AsyncIterator:
        with self._counted():
            async with super().read(**how) as connection:
                yield connection

    @contextmanager
    def _counted(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - started


class Prepared:
    """A market whose pages are ready before the clock starts: parsing them is the adapter's time, not the sync's."""

    name = "market"

    def __init__(self) -> None:
        self._pages: dict[str, OffersPage] = {}

    def prepare(self, listed: dict[str, list[Offer]]) -> None:
        now = SystemClock().now()
        for key, offers in listed.items():
            seen = tuple(replace(offer, seen_at=now) for offer in offers)
            self._pages[key] = OffersPage(Cursor(key), seen, read_at=now)

    async def catalogue_slices(self) -> tuple[str, ...]:
        return tuple(self._pages)

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        return self._pages[cursor.slice_key]


class Ticker:
    """Wakes every millisecond. The longest time between two wakes is the longest block of the event loop.

    `worst_ms` is by the wall clock, other programs of the machine included; `worst_busy_ms` is the processor time
    that the loop's own thread used meanwhile.
    """

    def __init__(self) -> None:
        self.worst_ms = self.worst_busy_ms = 0.0
        self._task = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tick())
        await asyncio.sleep(0.01)
        self.worst_ms = self.worst_busy_ms = 0.0
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _tick(self) -> None:
        before, busy_before = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now, busy = time.perf_counter(), time.thread_time()
            self.worst_ms = max(self.worst_ms, (now - before - 0.001) * 1000)
            self.worst_busy_ms = max(self.worst_busy_ms, (busy - busy_before) * 1000)
            before, busy_before = now, busy


def captured_rows() -> list[dict]:
    """The captured Vast offers of the seed."""
    names = ("vast_bundles_a100_2026-06-03.json.gz", "vast_bundles_rtx4090_2024-07-30.json.gz")
    return [row for name in names for row in document(name)["offers"]]


def offers_of(rows: list[dict], count: int, *, slices: int) -> dict[str, list[Offer]]:
    """`count` offers by slice, each one of the rows with its own id and a slightly different price."""
    made: dict[str, list[Offer]] = {f"slice {number:02}": [] for number in range(slices)}
    keys = list(made)
    for number in range(count):
        row = rows[number % len(rows)]
        family = "a100" if "A100" in row["gpu_name"] else "rtx4090"
        price = Decimal(str(row["dph_base"])) * (1 + Decimal(number % 97) / 1000)
        key = keys[number % slices]
        made[key].append(
            Offer(
                provider="market",
                external_id=str(10_000_000 + number),
                gpu=GpuModel(family, None, round(row["gpu_ram"] / 1024)),
                gpu_count=row["num_gpus"],
                price_per_hour=price.quantize(Decimal("0.000000001")),
                price_kind=PriceKind.FIRM,
                seen_at=SystemClock().now(),
                slice_key=key,
                gpu_raw=row["gpu_name"],
                disk_max_gb=row["disk_space"],
                region_raw=row.get("geolocation"),
                reliability=row.get("reliability2") or 0.9,
                host=str(row.get("host_id")),
                resources=frozenset(f"{gpu}-{number}" for gpu in row.get("gpu_ids") or [0]),
                max_duration_s=row.get("duration") or 1e6,
                vcpus=row["cpu_cores_effective"],
                memory_gb=row["cpu_ram"] / 1000,
                inet_down_mbps=row["inet_down"],
                inet_up_mbps=row["inet_up"],
                verified=row["verification"] == "verified",
            )
        )
    return made


async def measured(database: CountedDatabase, *, slices: int) -> list[dict]:
    """First sync, unchanged sync, a tenth changed, load: seconds, database seconds and worst block of each."""
    clock = SystemClock()
    market = Prepared()
    made = offers_of(captured_rows(), OFFERS, slices=slices)
    market.prepare(made)
    catalogue = Catalogue(clock=clock)
    sync = OfferSync(
        Markets(market),
        database=database,
        catalogue=catalogue,
        clock=clock,
        policies={"market": SyncPolicy(interval_s=0.001, deadline_s=600)},
    )
    figures = [await _step("first insert", sync, database)]
    market.prepare({key: [_counted_down(offer) for offer in found] for key, found in made.items()})
    figures.append(await _step("unchanged", sync, database))
    market.prepare({key: [_repriced(offer) for offer in found] for key, found in made.items()})
    figures.append(await _step("a tenth repriced", sync, database))
    started, used = time.perf_counter(), database.seconds
    async with Ticker() as ticker:
        await Catalogue(clock=clock).load(database)
    figures.append(_figures("load", started, database.seconds - used, ticker))
    return figures


def _counted_down(offer: Offer) -> Offer:
    """Five minutes later: what moves by itself has moved."""
    return replace(offer, max_duration_s=offer.max_duration_s - 300, reliability=offer.reliability + 1e-4)


def _repriced(offer: Offer) -> Offer:
    return (
        replace(offer, price_per_hour=offer.price_per_hour * 2) if offer.external_id.endswith("7") else offer
    )


async def _step(name: str, sync: OfferSync, database: CountedDatabase) -> dict:
    used, started = database.seconds, time.perf_counter()
    async with Ticker() as ticker:
        report = await sync.run("market")
    if report.outcome != "ok" or report.seen != OFFERS:
        raise RuntimeError(f"the sync did not work: {report}")
    return _figures(name, started, database.seconds - used, ticker)


def _figures(name: str, started: float, database_s: float, ticker: Ticker) -> dict:
    return {
        "step": name,
        "seconds": round(time.perf_counter() - started, 3),
        "database_s": round(database_s, 3),
        "worst_block_ms": round(ticker.worst_ms, 1),
        "worst_busy_ms": round(ticker.worst_busy_ms, 1),
    }


async def run() -> list[dict]:
    """Both databases, 50 slices and one; each figure with its limit and whether it is kept.

    The garbage collector is set as `aurora serve` sets it.
    """
    before = gc.get_threshold()
    spare_the_loop()
    try:
        return await _results()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _results() -> list[dict]:
    results: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        databases = Databases(Path(folder))
        try:
            for slices in (50, 1):
                async with databases.sqlite(Path(folder) / f"bench{slices}.db") as database:
                    results.append(await _result("sqlite", database, slices=slices))
                async with databases.postgres() as database:
                    results.append(await _result("postgres", database, slices=slices))
        finally:
            await databases.aclose()
    return results


async def _result(dialect: str, database: Database, *, slices: int) -> dict:
    steps = await measured(
        CountedDatabase(database.engine, writer=create_writer(database.engine)), slices=slices
    )
    first, unchanged = steps[0], steps[1]
    share = unchanged["database_s"] / first["database_s"]
    worst = max(step["worst_busy_ms"] for step in steps)
    return {
        "name": f"sync of 20,000 offers, {dialect}, {slices} slices",
        "baseline": "database seconds of the first insert",
        "data": DATA,
        "command": COMMAND,
        "unchanged_share_of_insert": round(share, 4),
        "share_limit": SHARE_LIMIT,
        "worst_busy_ms": worst,
        "block_limit_ms": BLOCK_LIMIT_MS,
        "kept": share < SHARE_LIMIT and worst < BLOCK_LIMIT_MS,
        "steps": steps,
    }


if __name__ == "__main__":
    json.dump(asyncio.run(run()), sys.stdout, indent=1)
