"""Real processes: the emulators and Aurora, each killable on its own."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from aurora.settings import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
_EMULATOR_URL = re.compile(r"Emulators ready on (http://[^\s:]+:\d+)")
_PORT = re.compile(r"Aurora Router started port=(\d+)")
_LONG = 30.0
_SHORTEST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.15
_ENDED = frozenset({"terminated", "failed"})


@dataclass
class Part:
    """One process and everything it has said."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)
    reader: asyncio.Task[None] | None = None

    async def says(self, pattern: re.Pattern[str], *, within: float = _LONG) -> str:
        """The first group of the first line that matches. Fails when the process ends or stays silent."""
        async with asyncio.timeout(within):
            while True:
                for line in self.said:
                    found = pattern.search(line)
                    if found:
                        return found[1]
                if self.process.returncode is not None:
                    raise AssertionError(f"ended with {self.process.returncode}: {self.text}")
                await asyncio.sleep(0.01)

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    async def kill(self) -> None:
        """kill -9."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        """SIGTERM, as an operator stops it."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self, *, within: float = _LONG) -> int:
        async with asyncio.timeout(within):
            code = await self.process.wait()
        if self.reader is not None:
            await self.reader
        return code


async def start(*arguments: str, env: Mapping[str, str]) -> Part:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "aurora",
        *arguments,
        cwd=ROOT,
        env={**plain_environment(), **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    part = Part(process)
    part.reader = asyncio.create_task(_read(part))
    return part


async def _read(part: Part) -> None:
    assert part.process.stdout is not None
    async for line in part.process.stdout:
        part.said.append(line.decode().rstrip())


def plain_environment() -> dict[str, str]:
    """The machine's environment without any setting of Aurora."""
    ours = (
        "AURORA_",
        "VASTAI_",
        "PROVIDER_",
        "DATABASE_",
        "EMULATOR_",
        "SECRET_",
        "PORT",
        "COMPAT_PORT",
        "HOST",
    )
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


@dataclass
class Stack:
    """Emulators that live on, and an Aurora that may die."""

    emulator: Part
    emulator_url: str
    session: aiohttp.ClientSession
    folder: Path
    settings: dict[str, str]
    markets: Sequence[str] = PROVIDERS
    aurora: Part | None = None
    url: str = ""

    async def boot(self, *, role: str = "all", **settings: str) -> Part:
        """Start Aurora on the same database and wait until it is ready."""
        self.aurora = await start(
            "serve", "--env-file", "", "--role", role, env={**self.settings, **settings}
        )
        port = await self.aurora.says(_PORT)
        self.url = f"http://127.0.0.1:{port}"
        await self.until(self.is_ready, "ready")
        return self.aurora

    async def at_rest(self) -> None:
        """Aurora runs, every market is well and nothing is rented: whatever the test before has left is cleared away."""
        if self.aurora is None or self.aurora.process.returncode is not None:
            await self.boot()
        for market in self.markets:
            await self.heal(market)
        for each in (await self.get("/deployments?limit=200"))["deployments"]:
            if each["status"] not in _ENDED:
                await self.delete(f"/deployments/{each['id']}")
                await self.deployment(each["id"], *_ENDED, within=60)
        await self.until(self.is_empty, "empty")

    async def is_empty(self) -> bool:
        return not any([await self.alive(market) for market in self.markets])

    async def is_ready(self) -> bool:
        try:
            async with self.session.get(f"{self.url}/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def until(self, condition: Any, what: str, *, within: float = _LONG) -> Any:
        """Poll until `condition` gives something true, less often the longer it takes: each question is work for Aurora."""
        pause = _SHORTEST_PAUSE_S
        try:
            async with asyncio.timeout(within):
                while True:
                    found = await condition()
                    if found:
                        return found
                    await asyncio.sleep(pause)
                    pause = min(1.1 * pause, _LONGEST_PAUSE_S)
        except TimeoutError:
            said = self.aurora.text[-4000:] if self.aurora else ""
            raise AssertionError(f"not {what} within {within} s: {said}") from None

    async def get(self, path: str, *, status: int = 200) -> Any:
        async with self.session.get(self.url + path) as answer:
            text = await answer.text()
            assert answer.status == status, (answer.status, text)
            return json.loads(text)

    async def post(self, path: str, body: Any = None, *, status: int = 200, **options: Any) -> Any:
        async with self.session.post(self.url + path, json=body, **options) as answer:
            text = await answer.text()
            assert answer.status == status, (answer.status, text)
            return json.loads(text)

    async def delete(self, path: str, *, status: int = 202) -> Any:
        async with self.session.delete(self.url + path) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def deployment(self, deployment_id: str, *statuses: str, within: float = _LONG) -> Any:
        """The deployment as soon as it has one of the statuses."""

        async def reached() -> Any:
            found = await self.get(f"/deployments/{deployment_id}")
            return found if found["status"] in statuses else None

        return await self.until(reached, f"{deployment_id} in {statuses}", within=within)

    async def fault(self, *, provider: str = "vastai", **fault: Any) -> None:
        await self.control(provider, "faults", fault)

    async def control(self, provider: str, what: str, body: Any) -> None:
        async with self.session.post(f"{self.emulator_url}/_emulator/{provider}/{what}", json=body) as answer:
            assert answer.status < 300, await answer.text()

    async def heal(self, provider: str = "vastai") -> None:
        async with self.session.delete(f"{self.emulator_url}/_emulator/{provider}/faults") as answer:
            assert answer.status in {200, 204}

    async def ledger(self, provider: str = "vastai") -> list[dict[str, Any]]:
        async with self.session.get(f"{self.emulator_url}/_emulator/{provider}/ledger") as answer:
            found: dict[str, Any] = await answer.json()
            return list(found["instances"])

    async def calls(self, provider: str = "vastai") -> dict[str, int]:
        async with self.session.get(f"{self.emulator_url}/_emulator/{provider}/calls") as answer:
            return dict(await answer.json())

    async def alive(self, provider: str = "vastai") -> list[dict[str, Any]]:
        return [one for one in await self.ledger(provider) if one["state"] not in {"destroyed", "closed"}]


@asynccontextmanager
async def stack(
    folder: Path,
    *,
    state_speed: float = 50,
    limits: str = "relaxed",
    offers: int = 2400,
    markets: Sequence[str] = PROVIDERS,
    database_url: str | None = None,
    **settings: str,
) -> AsyncIterator[Stack]:
    """A migrated database and running emulators of `markets`, the only ones that are enabled; `boot()` starts Aurora.

    `aurora migrate` makes the database, unless `database_url` is that of a migrated one.
    """
    emulate = ("emulate", "--port", "0", "--limits", limits, "--state-speed", str(state_speed))
    emulator = await start(*emulate, "--offers", str(offers), "--providers", ",".join(markets), env={})
    aurora_settings = {
        "AURORA_MODE": "emulated",
        "PORT": "0",
        "COMPAT_PORT": "off",
        "DATABASE_URL": database_url or f"sqlite:///{folder / 'aurora.db'}",
        "RECONCILE_INTERVAL": "0.2",
        "PYTHONUNBUFFERED": "1",
        **{f"{name.upper()}_ENABLED": "false" for name in PROVIDERS if name not in markets},
        **settings,
    }
    made: Stack | None = None
    try:
        aurora_settings["EMULATOR_URL"] = url = await emulator.says(_EMULATOR_URL)
        if database_url is None:
            migrated = await start("migrate", "--env-file", "", env=aurora_settings)
            assert await migrated.ended() == 0, migrated.text
        async with aiohttp.ClientSession() as session:
            made = Stack(emulator, url, session, folder, aurora_settings, markets)
            yield made
    finally:
        if made is not None and made.aurora is not None:
            await made.aurora.kill()
        await emulator.kill()
