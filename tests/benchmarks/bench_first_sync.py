"""The first sync of 20,000 offers beside a hand-written bulk statement on the same Postgres.

Data: 20,000 offers made from the captured Vast rows, in 50 slices. Baseline: all rows that a finished first sync left
behind (offers, price history, slices, the run, the provider's line), read back, and written into an empty copy of the
same database, same tables and indexes, in one transaction over a bare asyncpg connection: `COPY`, the quickest there
is, and `INSERT .. SELECT .. FROM unnest(..)`. Its rows are ready before its clock starts.

Ours, three figures: `store` is the time inside our transactions; `sync` is the whole run on pages that are ready
(judged, compared, written, shown to decisions); `parsed` is the run on the JSON text of Vast's answers, read by
Vast's adapter. No figure holds HTTP. Each figure is the best of three rounds, ours and the baseline's in turn.
Command: `python -m tests.benchmarks.bench_first_sync`, or `make bench`.
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Table, make_url
from sqlalchemy.dialects import postgresql

from aurora.db import tables
from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.domain.clock import SystemClock
from aurora.domain.event_loop import give_way
from aurora.domain.gpu_table import GpuTable
from aurora.domain.region import RegionTable
from aurora.providers.answers import strict_json
from aurora.providers.base import Cursor, OffersPage
from aurora.providers.vastai.limits import ROWS_SEEN
from aurora.providers.vastai.parse import OfferReader
from aurora.services.catalogue import Catalogue
from aurora.services.collector import spare_the_loop
from aurora.services.offer_sync import OfferSync
from aurora.services.sync_findings import SyncPolicy
from tests.benchmarks.bench_sync import CountedDatabase, Prepared, Ticker, captured_rows, offers_of
from tests.databases import Databases
from tests.markets import Markets

OFFERS = 20_000
SLICES = 50
ROUNDS = 3
RATIO_LIMIT = 2.0
BLOCK_LIMIT_MS = 10.0
COMMAND = "python -m tests.benchmarks.bench_first_sync"
DATA = "20,000 offers from vast_bundles_a100_2026-06-03 and vast_bundles_rtx4090_2024-07-30, varied by id and price"
WRITTEN = (
    tables.offers,
    tables.offer_prices,
    tables.catalogue_slices,
    tables.sync_runs,
    tables.providers,
)
"""Every table that a first sync writes to."""


class Answered:
    """A market of which we have Vast's answers, as text; its adapter reads them when the sync asks."""

    name = "market"

    def __init__(self, rows: list[dict[str, Any]], *, share_changed: float = 0.0) -> None:
        self._reader = OfferReader("market", gpus=GpuTable.load(), places=RegionTable.load(), emulated=True)
        self._clock = SystemClock()
        self._answers = dict(_answers(rows, share_changed))

    async def catalogue_slices(self) -> tuple[str, ...]:
        return tuple(self._answers)

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        now = self._clock.now()
        position = int(cursor.position or 0)
        parts = self._answers[cursor.slice_key]
        document = strict_json("market", parts[position])
        await give_way()  # as Vast's adapter does between an answer and its offers
        read = self._reader.offers(
            document["offers"], slice_key=cursor.slice_key, seen_at=now, allocated_gb=8.0
        )
        more = Cursor(cursor.slice_key, str(position + 1)) if position + 1 < len(parts) else None
        return OffersPage(cursor, read.offers, rejected=read.rejected, next=more, read_at=now)


def _answers(rows: list[dict[str, Any]], share_changed: float) -> Iterator[tuple[str, list[bytes]]]:
    """By slice, the pages of as many rows as Vast shows at once, each row with its own id and price."""
    for slice_number in range(SLICES):
        made = []
        for number in range(slice_number, OFFERS, SLICES):
            row = rows[number % len(rows)]
            step = 1 + (number % 97) / 1000
            if share_changed and number % round(1 / share_changed) == 0:
                step *= 2
            base = round(row["dph_base"] * step, 6)
            own = {"id": 10_000_000 + number, "dph_base": base, "dph_total": base + 0.01}
            made.append({**row, **own, "is_bid": False})
        pages = (made[start : start + ROWS_SEEN] for start in range(0, len(made), ROWS_SEEN))
        yield (
            f"slice {slice_number:02}",
            [json.dumps({"offers": page}).encode() for page in pages],
        )


@dataclass
class Course:
    """What one way of doing it took, round by round."""

    seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    """Processor time of this process."""
    work_s: list[float] = field(default_factory=list)
    """The same and the server's."""
    store_s: list[float] = field(default_factory=list)
    worst_busy_ms: float = 0.0
    worst_ms: float = 0.0


@dataclass
class Bulk:
    """The rows of every table, ready to be written at once."""

    rows: dict[Table, list[tuple[Any, ...]]]

    @classmethod
    async def read(cls, url: str) -> "Bulk":
        """What is in the database of a finished sync."""
        connection = await asyncpg.connect(_plain(url))
        try:
            found = {table: await connection.fetch(f'SELECT * FROM "{table.name}"') for table in WRITTEN}  # noqa: S608
        finally:
            await connection.close()
        names = {table: [column.name for column in table.c] for table in WRITTEN}
        return cls(
            {table: [tuple(row[name] for name in names[table]) for row in found[table]] for table in WRITTEN}
        )

    async def copy(self, connection: asyncpg.Connection) -> None:
        """COPY."""
        for table, rows in self.rows.items():
            columns = [column.name for column in table.c]
            await connection.copy_records_to_table(table.name, records=rows, columns=columns)

    async def insert(self, connection: asyncpg.Connection) -> None:
        """One INSERT a table, from arrays."""
        for table, rows in self.rows.items():
            types = [column.type.compile(dialect=postgresql.dialect()) for column in table.c]
            arrays = ", ".join(f"${number}::{_array(kind)}" for number, kind in enumerate(types, start=1))
            columns = ", ".join(f'"{column.name}"' for column in table.c)
            await connection.execute(
                f'INSERT INTO "{table.name}" ({columns}) SELECT * FROM unnest({arrays})',  # noqa: S608 - our own tables
                *(list(column) for column in zip(*rows, strict=True)),
            )


def _array(kind: str) -> str:
    return f"{kind.split('(', maxsplit=1)[0] if kind.startswith('VARCHAR') else kind}[]"


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Work:
    """Processor seconds of this process and of our own Postgres: other programs of the machine do not count.

    A server that is not ours (TEST_DATABASE_URL) cannot be seen: then it is this process alone.
    """

    def __init__(self, databases: Databases) -> None:
        self._server = databases.server_pid
        self._began = self._now()

    def spent(self) -> float:
        return self._now() - self._began

    def _now(self) -> float:
        return time.process_time() + (0.0 if self._server is None else _family_s(self._server))


def _family_s(pid: int) -> float:
    """Of a process, its children, and the children that have ended."""
    found = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if pid in {int(stat.parent.name), int(fields[1])}:
                found += sum(map(int, fields[11:15]))
    return found / os.sysconf("SC_CLK_TCK")


async def written_at_once(databases: Databases, bulk: Bulk, how: str, course: Course) -> None:
    """One round of the baseline on an empty database."""
    async with databases.postgres_url() as url:
        connection = await asyncpg.connect(_plain(url))
        try:
            # warms what a pool's connection has learned before: types
            await connection.fetch("SELECT * FROM offers LIMIT 0")
            gc.collect()
            work, started = Work(databases), time.perf_counter()
            async with connection.transaction():
                await getattr(bulk, how)(connection)
            course.seconds.append(time.perf_counter() - started)
            course.work_s.append(work.spent())
        finally:
            await connection.close()


async def synced(databases: Databases, database: CountedDatabase, sync: OfferSync, course: Course) -> None:
    """One run, measured."""
    gc.collect()
    used = database.seconds
    work, cpu, started = Work(databases), time.process_time(), time.perf_counter()
    report = await sync.run("market")
    course.seconds.append(time.perf_counter() - started)
    course.cpu_s.append(time.process_time() - cpu)
    course.work_s.append(work.spent())
    course.store_s.append(database.seconds - used)
    if report.outcome != "ok" or report.seen != OFFERS:
        raise RuntimeError(f"the sync did not work: {report}")


async def watched(sync: OfferSync, course: Course) -> None:
    """One more run beside a ticker, which itself costs processor time."""
    async with Ticker() as ticker:
        await sync.run("market")
    course.worst_busy_ms = max(course.worst_busy_ms, ticker.worst_busy_ms)
    course.worst_ms = max(course.worst_ms, ticker.worst_ms)


def _sync(market: Any, database: Database) -> OfferSync:
    clock = SystemClock()
    return OfferSync(
        Markets(market),
        database=database,
        catalogue=Catalogue(clock=clock),
        clock=clock,
        policies={"market": SyncPolicy(interval_s=0.001, deadline_s=600)},
    )


async def first_sync(databases: Databases, market: Any, course: Course, *, ticking: bool = False) -> Bulk:
    """One first sync into an empty database; the rows that it left."""
    async with databases.postgres_url() as url:
        database = CountedDatabase(create_engine(url))
        try:
            async with database.read() as connection:
                await connection.exec_driver_sql("SELECT 1")
            sync = _sync(market, database)
            await (watched(sync, course) if ticking else synced(databases, database, sync, course))
            return await Bulk.read(url)
        finally:
            await database.engine.dispose()


async def again(databases: Databases, rows: list[dict[str, Any]]) -> dict[str, Course]:
    """What the usual sync costs: nothing changed, and one offer in a hundred repriced."""
    courses = {"unchanged": Course(), "one percent changed": Course()}
    async with databases.postgres_url() as url:
        database = CountedDatabase(create_engine(url))
        try:
            same, other = Answered(rows), Answered(rows, share_changed=0.01)
            market = _Switched(same)
            sync = _sync(market, database)
            await sync.run("market")
            for _ in range(ROUNDS):
                market.now = same
                await sync.run("market")
                await synced(databases, database, sync, courses["unchanged"])
                await watched(sync, courses["unchanged"])
                market.now = other
                await synced(databases, database, sync, courses["one percent changed"])
            market.now = same
            await watched(sync, courses["one percent changed"])
        finally:
            await database.engine.dispose()
    return courses


class _Switched:
    name = "market"

    def __init__(self, now: Answered) -> None:
        self.now = now

    async def catalogue_slices(self) -> tuple[str, ...]:
        return await self.now.catalogue_slices()

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        return await self.now.offers_page(cursor)


async def run() -> list[dict[str, Any]]:
    """First syncs beside the baselines, then the usual sync. The garbage collector is set as by `aurora serve`."""
    before = gc.get_threshold()
    spare_the_loop()
    try:
        with tempfile.TemporaryDirectory() as folder:
            databases = Databases(Path(folder))
            try:
                return await _results(databases)
            finally:
                await databases.aclose()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _results(databases: Databases) -> list[dict[str, Any]]:
    rows = captured_rows()
    prepared = Prepared()
    prepared.prepare(offers_of(rows, OFFERS, slices=SLICES))
    answered = Answered(rows)
    sync, parsed, copied, inserted = Course(), Course(), Course(), Course()
    bulk = await first_sync(databases, prepared, sync, ticking=True)
    await first_sync(databases, answered, parsed, ticking=True)
    for _ in range(ROUNDS):
        await written_at_once(databases, bulk, "copy", copied)
        await first_sync(databases, prepared, sync)
        await written_at_once(databases, bulk, "insert", inserted)
        await first_sync(databases, answered, parsed)
    usual = await again(databases, rows)
    return [_compared(sync, parsed, copied, inserted), *(_usual(name, each) for name, each in usual.items())]


def _compared(sync: Course, parsed: Course, copied: Course, inserted: Course) -> dict[str, Any]:
    work = {name: min(each.work_s) for name, each in _named(sync, parsed, copied, inserted)}
    wall = {name: min(each.seconds) for name, each in _named(sync, parsed, copied, inserted)}
    return {
        "name": "first sync of 20,000 offers, Postgres",
        "baseline": "INSERT .. SELECT unnest of the same rows into the same tables, one transaction, bare asyncpg",
        "data": DATA,
        "command": COMMAND,
        **{f"{name}_s": round(each, 3) for name, each in wall.items()},
        **{f"{name}_work_s": round(each, 3) for name, each in work.items()},
        "store_s": round(min(sync.store_s), 3),
        "store_ratio": round(min(sync.store_s) / wall["insert"], 2),
        "ratio": round(wall["sync"] / wall["insert"], 2),
        "work_ratio": round(work["sync"] / work["insert"], 2),
        "work_ratio_to_copy": round(work["sync"] / work["copy"], 2),
        "work_ratio_parsed": round(work["parsed"] / work["insert"], 2),
        "ratio_limit": RATIO_LIMIT,
        "worst_busy_ms": round(sync.worst_busy_ms, 1),
        "worst_busy_parsed_ms": round(parsed.worst_busy_ms, 1),
        "worst_block_ms": round(max(sync.worst_ms, parsed.worst_ms), 1),
        "block_limit_ms": BLOCK_LIMIT_MS,
        "kept": max(work["sync"] / work["insert"], wall["sync"] / wall["insert"]) <= RATIO_LIMIT
        and max(sync.worst_busy_ms, parsed.worst_busy_ms) <= BLOCK_LIMIT_MS,
    }


def _named(*courses: Course) -> Iterator[tuple[str, Course]]:
    return zip(("sync", "parsed", "copy", "insert"), courses, strict=True)


def _usual(name: str, course: Course) -> dict[str, Any]:
    return {
        "name": f"sync of 20,000 offers, {name}, Postgres, parsing included",
        "baseline": "none",
        "data": DATA,
        "command": COMMAND,
        "seconds": round(min(course.seconds), 3),
        "cpu_s": round(min(course.cpu_s), 3),
        "work_s": round(min(course.work_s), 3),
        "store_s": round(min(course.store_s), 3),
        "worst_busy_ms": round(course.worst_busy_ms, 1),
        "worst_block_ms": round(course.worst_ms, 1),
    }


if __name__ == "__main__":
    json.dump(asyncio.run(run()), sys.stdout, indent=1)
