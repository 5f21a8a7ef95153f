"""The whole of Aurora against the real Vast.ai emulator, in one process and on real sockets and files."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import aiohttp

from aurora.bootstrap import Aurora, running
from aurora.bootstrap.files import Files
from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.db.repositories import installation
from aurora.db.schema import migrate
from aurora.domain.gpu import GpuQuery
from aurora.domain.operation import Operation
from aurora.domain.records import Attempt, DeploymentView
from aurora.domain.request import ComputeRequest, Workload, WorkloadType
from aurora.emulators import server
from aurora.emulators.options import EmulatorOptions
from aurora.resilience.events import BreakerChanged, CallFinished, CredentialChanged, Event
from aurora.services.ports import Caller
from aurora.settings import Settings, load_settings
from tests.faults.inline import connect_inline
from tests.faults.kinds import document
from tests.faults.quick import QuickClock, QuickLoop

VAST = "vastai"
CALLER = Caller()
CONFIG = Path(__file__).resolve().parents[2] / "config"
OFFERS = 100
TIMEOUT_S = 15.0
"""Of the clock; far less than 50 ms of ours, since nobody waits for it."""
READ_AGO_S = 2000.0
"""Age of the known offers: old enough to be read again, not so old that it is held against the provider."""
LOOK_EVERY_S = 10.0
PATIENCE_S = 1200.0
"""No condition is waited for any longer."""

REQUEST = ComputeRequest(
    workload_type=WorkloadType.LLM_INFERENCE,
    gpu=GpuQuery("a100"),
    gpu_count=1,
    gpu_hours=Decimal(1000),
    max_price=Decimal(20),
    max_latency_ms=500,
    min_reputation=10,
    workload=Workload("nginx:1.27", ports=("8080",), disk_gb=20),
)


def quickly(job: Awaitable[None]) -> None:
    """Run a test's coroutine in quick time."""
    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        runner.run(_bounded(job))


async def _bounded(job: Awaitable[None]) -> None:
    async with asyncio.timeout(10 * PATIENCE_S):
        await job


@dataclass
class Heard:
    """The outcomes of Aurora's calls, as its own layers judged them."""

    clock: QuickClock
    calls: list[tuple[float, CallFinished]] = field(default_factory=list)
    """With the time at which each began."""
    changed: Callable[[], None] | None = None
    """Told, a moment later, when a circuit or the credential's standing has changed."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, CallFinished):
            self.calls.append((self.clock.monotonic() - event.ms / 1000, event))
        elif isinstance(event, BreakerChanged | CredentialChanged) and self.changed is not None:
            asyncio.get_running_loop().call_soon(self.changed)


class Emulator:
    """The emulator's control API, for one market."""

    market = VAST
    over = frozenset({"destroyed"})
    """States of the ledger in which nothing is left."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    def at(self, kind: "type[Emulator]") -> "Emulator":
        """The same process, for another of its markets."""
        return kind(self.url, self._session)

    async def post_fault(self, fault: str, operation: Operation, **more: Any) -> int:
        """The status of the answer: 201, or 422 for a fault that makes no sense there."""
        return await self.post({**document(fault, operation), **more})

    async def post(self, fault: Mapping[str, Any]) -> int:
        async with self._session.post(f"{self.url}/_emulator/{self.market}/faults", json=fault) as answer:
            return answer.status

    async def lift(self) -> None:
        """Take all faults away."""
        async with self._session.delete(f"{self.url}/_emulator/{self.market}/faults") as answer:
            assert answer.status == 204

    async def ledger(self) -> list[dict[str, Any]]:
        """Every instance there ever was, oldest first."""
        return (await self._get("ledger"))["instances"]

    async def living(self) -> list[dict[str, Any]]:
        return [
            row for row in await self.ledger() if row["stopped_at"] is None or row["state"] not in self.over
        ]

    async def calls(self) -> dict[str, int]:
        return await self._get("calls")

    async def _get(self, what: str) -> Any:
        async with self._session.get(f"{self.url}/_emulator/{self.market}/{what}") as answer:
            return await answer.json()


@dataclass
class Stack:
    """One Aurora process and the market it trades on."""

    aurora: Aurora
    emulator: Emulator
    clock: QuickClock
    heard: Heard
    file: Path
    process: AsyncExitStack
    request: ComputeRequest = REQUEST

    async def leave(self) -> None:
        """The process ends; market and database stay."""
        await self.process.aclose()

    @property
    def market(self) -> str:
        return self.emulator.market

    async def deploy(self, request: ComputeRequest | None = None) -> str:
        answer = await self.aurora.routing.route(request or self.request, caller=CALLER)
        assert answer.deployment_id is not None, answer.rationale
        return answer.deployment_id

    async def view(self, deployment: str) -> DeploymentView:
        return await self.aurora.deployments.get(deployment, caller=CALLER)

    async def attempt(self, deployment: str) -> Attempt:
        current = (await self.view(deployment)).current
        assert current is not None
        return current

    async def status(self, deployment: str) -> str:
        return (await self.view(deployment)).deployment.status.value

    async def until(self, deployment: str, *statuses: str, within: float = PATIENCE_S) -> DeploymentView:
        """Wait for one of the statuses."""

        async def reached() -> bool:
            return await self.status(deployment) in statuses

        try:
            await self.eventually(reached, within=within)
        except AssertionError as exc:
            raise AssertionError(f"not {' or '.join(statuses)}: {await self.story(deployment)}") from exc
        return await self.view(deployment)

    async def eventually(
        self, condition: Callable[[], Awaitable[bool]], *, within: float = PATIENCE_S
    ) -> None:
        """Poll the condition; fail when it does not hold within these seconds of the clock."""
        ends = self.clock.monotonic() + within
        while not await condition():
            assert self.clock.monotonic() < ends, f"did not come true within {within:.0f} s"
            await self.clock.sleep(LOOK_EVERY_S)

    async def story(self, deployment: str) -> str:
        """What happened to it, for the reader of a failed test."""
        events = await self.aurora.deployments.events(deployment, caller=CALLER)
        told = "; ".join(f"{one.kind}: {one.message[:120]}" for one in events)
        view = await self.view(deployment)
        states = [(one.state.value, one.end_reason, one.detail) for one in view.attempts]
        return f"{view.deployment.status} {view.deployment.phase} {states} [{told}]"


class Ground:
    """Makes stacks from a database that holds one complete reading of the market."""

    emulator: type[Emulator] = Emulator
    request = REQUEST
    options = EmulatorOptions(providers=(VAST,), offers=OFFERS, state_speed=20)
    changes: Mapping[str, Any] = {}
    """Settings that all stacks of this ground have."""
    markets: tuple[str, ...] = (VAST,)
    """Whose offers are known."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seed = folder / "seed.db"
        self._made = 0
        self._file = self._seed
        self._engine = create_engine(
            f"sqlite:///{self._seed}"
        )  # one for all: its statements are compiled once
        connect_inline(self._engine, lambda: str(self._file))
        self._files = Files.load(CONFIG)
        self._began: datetime | None = None

    async def prepare(self) -> None:
        """Read the market once, for all the tests."""
        engine = create_engine(f"sqlite:///{self._seed}")
        await migrate(engine)
        await engine.dispose()
        async with self.emulated() as (emulator, clock):
            settings = self.settings(self._seed, emulator.url)
            async with running(settings, clock=clock) as aurora:
                for market in self.markets:
                    report = await aurora.sync.run(market)
                    assert report.outcome == "ok", report
            self._began = clock.now() + timedelta(seconds=READ_AGO_S)
        self._checkpoint()

    def _checkpoint(self) -> None:
        """Copies of the file are complete without its journal."""
        assert not self._seed.with_name(f"{self._seed.name}-wal").exists()

    def settings(self, file: Path, emulator: str, **changes: Any) -> Settings:
        return load_settings(
            None,
            **{
                "database_url": f"sqlite:///{file}",
                "emulator_url": emulator,
                "config_dir": str(CONFIG),
                "vastai_timeout": TIMEOUT_S,
                "vastai_rate_limit": 100_000,
                "vastai_sync_interval": 3600,
                "provider_max_retries": 1,
                "provider_retry_base_delay": 1,
                "provider_retry_max_delay": 8,
                "provider_retry_jitter": 4,
                "provider_circuit_breaker_timeout": 20,
                "start_timeout": 60,
                "reconcile_interval": 10,
                "offer_max_age": 1_000_000,
                **self.changes,
                **changes,
            },
        )

    @asynccontextmanager
    async def stack(self, *, reconciling: bool = True, **changes: Any) -> AsyncIterator[Stack]:
        """A fresh market, a fresh database that knows its offers, a fresh Aurora with its reconciler at work."""
        async with self.emulated() as (emulator, clock):
            made = self.aurora(self.new_file(), emulator, clock, reconciling=reconciling, **changes)
            async with made as stack:
                yield stack

    def new_file(self) -> Path:
        self._made += 1
        file = self._folder / f"{self._made}.db"
        shutil.copyfile(self._seed, file)
        return file

    @asynccontextmanager
    async def aurora(
        self, file: Path, emulator: Emulator, clock: QuickClock, *, reconciling: bool = True, **changes: Any
    ) -> AsyncIterator[Stack]:
        """One process on this database."""
        async with AsyncExitStack() as process:
            settings = self.settings(file, emulator.url, **changes)
            aurora = await process.enter_async_context(self._running(settings, file, clock))
            heard = Heard(clock)
            aurora.hooks.add(heard)
            if reconciling:
                process.push_async_callback(_stopped, asyncio.create_task(aurora.reconciler.run()))
            yield Stack(aurora, emulator, clock, heard, file=file, process=process, request=self.request)

    @asynccontextmanager
    async def _running(self, settings: Settings, file: Path, clock: QuickClock) -> AsyncIterator[Aurora]:
        """As `aurora.bootstrap.running`, on the engine and with the files that all share."""
        self._file = file
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._engine.dispose)
            database = Database(self._engine)
            async with database.read() as connection:
                own = await installation.installation_id(connection)
            aurora = Aurora(settings, database=database, clock=clock, files=self._files, own=own)
            stack.push_async_callback(aurora.aclose)
            await aurora.start(alone=True)
            yield aurora

    @asynccontextmanager
    async def emulated(self) -> AsyncIterator[tuple[Emulator, QuickClock]]:
        clock = QuickClock(self._began)
        unhurried = aiohttp.ClientTimeout(total=None, sock_connect=None)
        async with (
            server.running(self.options, clock) as url,
            aiohttp.ClientSession(timeout=unhurried) as session,
        ):
            yield self.emulator(url, session), clock


async def _stopped(work: asyncio.Task[NoReturn] | asyncio.Task[None]) -> None:
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def patiently(
    ground: Ground, play: Callable[[Stack], Awaitable[None]], *, reconciling: bool = True, **changes: Any
) -> None:
    """Play on a fresh stack."""

    async def once() -> None:
        async with ground.stack(reconciling=reconciling, **changes) as stack:
            await play(stack)

    quickly(once())
