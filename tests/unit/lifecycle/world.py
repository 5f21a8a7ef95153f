"""A whole small Aurora without HTTP: real routing, database, journal and reconciler over fake markets."""

import math
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cache

from aurora.db.database import Database
from aurora.db.repositories import deployments, holds, installation
from aurora.domain.billing import BillingRule
from aurora.domain.errors import NotFound
from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.records import Attempt, DeploymentEvent, DeploymentView, RouteAnswer
from aurora.domain.region import RegionTable
from aurora.domain.request import ComputeRequest, Workload, WorkloadType
from aurora.lifecycle.context import Context
from aurora.lifecycle.journal import Journal
from aurora.lifecycle.policy import LifecyclePolicy
from aurora.lifecycle.reconciler import Reconciler
from aurora.lifecycle.sightings import GroupedSightings
from aurora.lifecycle.sweep import Orphan, Sweep
from aurora.lifecycle.work import Outcome
from aurora.providers.base import Capabilities
from aurora.providers.fake import FakeProvider
from aurora.providers.fake.market import Pace
from aurora.providers.metrics import DirectGuard
from aurora.resilience.deadline import deadline
from aurora.routing.candidate import ProviderState
from aurora.services.candidates import Candidates, RoutingIdentity
from aurora.services.capacity import CapacityOverlay
from aurora.services.deployments import DeploymentDesk
from aurora.services.market import Market
from aurora.services.ports import Caller
from aurora.services.route import RouteParts, RouteService
from aurora.services.sealing import Sealer
from aurora.services.waiters import Waiters
from tests.fakes.clock import FakeClock

CALLER = Caller()
SECRET_VALUE = "hf_very_secret_token"


def offer(
    external_id: str,
    *,
    provider: str = "fake",
    usd: str = "1.00",
    resources: Iterable[str] = (),
    available: int | None = 1,
) -> Offer:
    return Offer(
        provider=provider,
        external_id=external_id,
        gpu=GpuModel("a100", "sxm", 80),
        gpu_count=1,
        price_per_hour=Decimal(usd),
        price_kind=PriceKind.FIRM,
        seen_at=FakeClock().now(),
        vram_gb=80,
        disk_max_gb=500,
        regions=frozenset({"us-west"}),
        country="US",
        available=available,
        total=available,
        max_ports=10,
        host=f"host-{external_id}",
        resources=frozenset(resources),
    )


def request(**changes: object) -> ComputeRequest:
    plain = ComputeRequest(
        workload_type=WorkloadType.LLM_INFERENCE,
        gpu=GpuQuery("a100"),
        gpu_count=1,
        gpu_hours=Decimal(2),
        max_price=Decimal(3),
        max_latency_ms=500,
        min_reputation=50,
        region="us-west",
        workload=Workload("nginx:1.27", env={"HF_TOKEN": SECRET_VALUE}, ports=("8080",), disk_gb=20),
        max_total_cost=Decimal(100),
    )
    return replace(plain, **changes)


class StockedShelf:
    """A catalogue that always shows what the fake markets sell."""

    def __init__(self, providers: Mapping[str, FakeProvider], listed: list[Offer]) -> None:
        self._providers = providers
        self.listed = listed
        self.began: datetime | None = None
        self._version = 0

    @property
    def version(self) -> str:
        return f"v{self._version}"

    def bump(self) -> None:
        self._version += 1

    def by_provider(self) -> Mapping[str, Mapping[str, Offer]]:
        found: dict[str, dict[str, Offer]] = {}
        for one in self.listed:
            found.setdefault(one.provider, {})[one.id] = one
        return found

    def reference_prices(self) -> Mapping[str, Decimal]:
        return {}

    def read_began_at(self, provider: str, slice_key: str) -> datetime | None:
        return self.began


class EqualScores:
    version = 0

    def of(self, provider: str, host: str | None) -> float:
        return 80.0


@dataclass
class Seen:
    """Watches and reports, gathered."""

    failures: list[BaseException] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    orphans: list[Orphan] = field(default_factory=list)
    killed: list[Orphan] = field(default_factory=list)
    braked: list[Orphan] = field(default_factory=list)
    reopened_attempts: list[Attempt] = field(default_factory=list)

    def stepped(self, deployment_id: str, *, seconds: float) -> None: ...

    def step_failed(self, deployment_id: str, error: BaseException) -> None:
        self.failures.append(error)

    def pass_failed(self, error: BaseException) -> None:
        self.failures.append(error)

    def pass_recovered(self) -> None: ...

    def orphan_found(self, orphan: Orphan) -> None:
        self.orphans.append(orphan)

    def orphan_killed(self, orphan: Orphan) -> None:
        self.killed.append(orphan)

    def orphan_gone(self, orphan: Orphan) -> None: ...

    def kill_braked(self, orphan: Orphan, reason: str) -> None:
        self.braked.append(orphan)

    def reopened(self, attempt: Attempt) -> None:
        self.reopened_attempts.append(attempt)

    def sweep_failed(self, provider: str, error: Exception) -> None: ...

    def swept(self, provider: str, *, ours: int) -> None: ...

    def decided(self, decision: object, *, seconds: float) -> None: ...

    def answered(self, answer: RouteAnswer) -> None: ...

    def asked(self, request: ComputeRequest) -> None: ...


@cache
def _regions() -> RegionTable:
    """Read once: it never changes."""
    return RegionTable.load()


class World:
    """One Aurora process over markets that outlive it."""

    def __init__(
        self,
        database: Database,
        *,
        clock: FakeClock,
        providers: Mapping[str, FakeProvider],
        shelf: StockedShelf,
        installation_id: str,
        policy: LifecyclePolicy,
    ) -> None:
        self.database = database
        self.clock = clock
        self.providers = providers
        self.shelf = shelf
        self.installation = installation_id
        self.overlay = CapacityOverlay()
        self.seen = Seen()
        self.waiters = Waiters()
        sealer = Sealer("test secret")
        identity = RoutingIdentity(installation_id, "test", math.inf)
        market = Market(
            shelf,
            self.overlay,
            regions=_regions(),
            scores=EqualScores(),
            states=lambda: tuple(ProviderState(name) for name in providers),
            clock=clock,
        )
        candidates = Candidates(market, self.overlay, sealer=sealer, identity=identity, clock=clock)
        self.market = market
        self.context = Context(
            providers=self,
            sightings=GroupedSightings(clock=clock, live=lambda _: 1),
            candidates=candidates,
            journal=Journal(database, self),
            clock=clock,
            policy=policy,
        )
        self.reconciler = Reconciler(
            self.context,
            report=self.seen,
            deadline=lambda seconds: deadline(clock, seconds),
        )
        self.routing = RouteService(
            RouteParts(
                market=market,
                overlay=self.overlay,
                database=database,
                sealer=sealer,
                waiters=self.waiters,
                watcher=self.seen,
                identity=identity,
                clock=clock,
                kick=self.reconciler.kick,
                emulated=True,
            )
        )
        self.desk = DeploymentDesk(database, clock=clock, provider=self.get, kick=self.reconciler.kick)
        self.sweep = Sweep(
            installation=installation_id, database=database, clock=clock, policy=policy, report=self.seen
        )

    def get(self, name: str) -> FakeProvider:
        if name not in self.providers:
            raise NotFound(name)
        return self.providers[name]

    def deployment_changed(self, view: DeploymentView) -> None:
        for attempt in view.attempts:
            if attempt.ended_at is not None:
                self.overlay.release(attempt.deployment_id, attempt.number)
            elif attempt.launched_at is not None:
                self.overlay.launched(attempt.deployment_id, attempt.number, attempt.launched_at)
        self.waiters.changed(view)

    def outcome(self, outcome: Outcome) -> None:
        self.seen.outcomes.append(outcome)

    def held(self, hold: holds.Hold) -> None:
        self.overlay.take(hold)

    def learned(self, unknown: Iterable[holds.Hold]) -> None:
        self.overlay.learn(unknown)

    def dropped(self, attempt: Attempt) -> None:
        self.overlay.release(attempt.deployment_id, attempt.number)

    async def start(self) -> None:
        """What a process does first: its records become its memory."""
        async with self.database.write() as connection:
            await deployments.clear_claims(connection, now=self.clock.now())
            await holds.drop_expired(connection, now=self.clock.now())
            self.overlay.load(await holds.present(connection, now=self.clock.now()))

    async def view(self, deployment_id: str) -> DeploymentView:
        return await self.desk.get(deployment_id, caller=CALLER)

    async def kinds(self, deployment_id: str) -> list[str]:
        events: Iterable[DeploymentEvent] = await self.desk.events(deployment_id, caller=CALLER)
        return [event.kind for event in events]

    async def step(self, seconds: float = 1.0) -> None:
        """Everything that is due, then `seconds` pass."""
        await self.reconciler.run_once()
        self.clock.advance(seconds)

    async def until(
        self, deployment_id: str, *statuses: str, within: float = 3600, every: float = 1.0
    ) -> DeploymentView:
        """Step until the deployment has one of the statuses. Fails after `within` seconds of the clock."""
        end = self.clock.elapsed + within
        while True:
            view = await self.view(deployment_id)
            if view.deployment.status.value in statuses:
                return view
            assert self.clock.elapsed < end, (
                f"still {view.deployment.status} ({view.deployment.phase}): {await self.kinds(deployment_id)} {self.seen.failures}"
            )
            await self.step(every)

    async def deploy(self, **changes: object) -> str:
        answer = await self.routing.route(request(**changes), caller=CALLER)
        assert answer.deployment_id is not None, answer.rationale
        return answer.deployment_id


@dataclass
class Setting:
    """What survives a process: database, markets, time."""

    database: Database
    clock: FakeClock
    providers: dict[str, FakeProvider]
    shelf: StockedShelf
    policy: LifecyclePolicy

    async def boot(self) -> World:
        """A fresh process."""
        async with self.database.read() as connection:
            own = await installation.installation_id(connection)
        world = World(
            self.database,
            clock=self.clock,
            providers=self.providers,
            shelf=self.shelf,
            installation_id=own,
            policy=self.policy,
        )
        await world.start()
        return world


@asynccontextmanager
async def setting(
    database: Database,
    *,
    offers: Iterable[Offer],
    pace: Pace | None = None,
    policy: LifecyclePolicy | None = None,
    capabilities: Capabilities | None = None,
    billing: BillingRule | None = None,
) -> AsyncIterator[Setting]:
    """Fake markets that sell `offers`, by the offers' providers."""
    clock = FakeClock(auto=False)
    pace = pace or Pace()
    listed = list(offers)
    providers: dict[str, FakeProvider] = {}
    for name in dict.fromkeys(one.provider for one in listed):
        providers[name] = FakeProvider(
            name,
            clock=clock,
            guard=DirectGuard(),
            offers=[one for one in listed if one.provider == name],
            pace=pace,
            capabilities=capabilities,
            billing=billing,
        )
    shelf = StockedShelf(providers, listed)
    yield Setting(database, clock, providers, shelf, policy or LifecyclePolicy())
