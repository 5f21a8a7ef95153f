"""Aurora's processes that come and go on one Postgres."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from aurora.db.database import Database
from aurora.db.engine import create_engine
from tests.e2e.stack import _PORT, Part, Stack, stack, start


@dataclass
class Process:
    part: Part
    url: str
    stack: Stack

    async def get(self, path: str) -> Any:
        async with self.stack.session.get(self.url + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str, body: Any = None) -> Any:
        async with self.stack.session.post(self.url + path, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def ready(self) -> bool:
        async with self.stack.session.get(f"{self.url}/ready") as answer:
            return answer.status == 200

    async def metric(self, line: str) -> float | None:
        async with self.stack.session.get(f"{self.url}/metrics") as answer:
            for each in (await answer.text()).splitlines():
                if each.startswith(f"{line} "):
                    return float(each.rpartition(" ")[2])
        return None


@dataclass
class Installation:
    """One emulated Vast.ai, one Postgres, and the processes that were booted on them."""

    stack: Stack
    database: Database
    processes: list[Process] = field(default_factory=list)

    async def boot(self, role: str = "all", **settings: str) -> Process:
        part = await start("serve", "--env-file", "", "--role", role, env={**self.stack.settings, **settings})
        port = await part.says(_PORT)
        process = Process(part, f"http://127.0.0.1:{port}", self.stack)
        self.processes.append(process)
        await self.stack.until(process.ready, f"{role} ready: {part.text[-2000:]}")
        return process

    async def holder(self, name: str) -> str | None:
        query = text("SELECT owner FROM leases WHERE name = :name AND expires_at >= clock_timestamp()")
        async with self.database.read() as connection:
            found: str | None = (await connection.execute(query, {"name": name})).scalar_one_or_none()
        return found

    async def free_at(self, name: str) -> datetime:
        """When another may have it, unless it is renewed."""
        query = text("SELECT expires_at FROM leases WHERE name = :name")
        async with self.database.read() as connection:
            found: datetime = (await connection.execute(query, {"name": name})).scalar_one()
        return found

    async def runs(self) -> int:
        async with self.database.read() as connection:
            query = text(
                "SELECT count(*) FROM sync_runs WHERE provider = 'vastai' AND outcome IN ('ok', 'partial')"
            )
            return int((await connection.execute(query)).scalar_one())

    async def arrivals(self, operation: str | None = None) -> Sequence[datetime]:
        """When the last 200 calls reached the market, or those of one operation among them."""
        query = "" if operation is None else f"?operation={operation}"
        url = f"{self.stack.emulator_url}/_emulator/vastai/requests{query}"
        async with self.stack.session.get(url) as answer:
            return [datetime.fromisoformat(row["at"]) for row in (await answer.json())["requests"]]


@asynccontextmanager
async def installed(
    url: str, folder: Path, *, offers: int = 400, **settings: str
) -> AsyncIterator[Installation]:
    """On the migrated database at `url`; whatever was booted is killed at the end."""
    chosen = {
        "VASTAI_SYNC_INTERVAL": "5",
        "VASTAI_RATE_LIMIT": "100000",
        "RECONCILE_INTERVAL": "5",
        **settings,
    }
    async with (
        stack(folder, offers=offers, markets=("vastai",), database_url=url, **chosen) as made,
        _database(url) as database,
    ):
        found = Installation(made, database)
        try:
            yield found
        finally:
            for process in found.processes:
                await process.part.kill()


@asynccontextmanager
async def _database(url: str) -> AsyncIterator[Database]:
    engine = create_engine(url)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()
