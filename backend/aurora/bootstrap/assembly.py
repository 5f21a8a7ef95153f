"""The composition root: everything is built here, in the order in which it leans on each other."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version as package_version
from typing import Any

from aurora.bootstrap.access import Entrance, check_seal, sealer_of
from aurora.bootstrap.emulator import emulator_limits
from aurora.bootstrap.files import Files
from aurora.bootstrap.markets import MarketParts, Markets
from aurora.bootstrap.modes import refuse_the_other_mode
from aurora.bootstrap.observability import Observability, Watched, traced_steps, tracer_of
from aurora.bootstrap.policies import lifecycle_policy, sync_interval, sync_policies
from aurora.bootstrap.readiness import Readiness
from aurora.bootstrap.replicas import Connected, ReplicaLink
from aurora.bootstrap.sources import Sources
from aurora.bootstrap.watchers import CommitWatcher, RouteWatch, SyncWatch
from aurora.db.database import Database
from aurora.db.repositories import deployments, holds
from aurora.domain.clock import Clock
from aurora.domain.errors import InvalidRequest
from aurora.domain.gpu_table import GpuTable
from aurora.domain.health import ProviderStatus
from aurora.domain.records import DeploymentView
from aurora.domain.region import GLOBAL, RegionTable
from aurora.lifecycle.context import Context
from aurora.lifecycle.journal import Journal
from aurora.lifecycle.reconciler import Reconciler
from aurora.lifecycle.sightings import GroupedSightings
from aurora.lifecycle.sweep import Sweep
from aurora.providers.registry import ProviderRegistry
from aurora.replicas.base import Replicas
from aurora.resilience.deadline import deadline
from aurora.resilience.events import Hooks
from aurora.services.alerts import AlertBook, Alerts
from aurora.services.attempt_figures import AttemptFigures
from aurora.services.candidates import Candidates, RoutingIdentity
from aurora.services.capacity import CapacityOverlay
from aurora.services.catalogue import Catalogue
from aurora.services.config_section import ConfigError
from aurora.services.decisions import DecisionDesk
from aurora.services.deployments import DeploymentDesk
from aurora.services.g_score import GScores
from aurora.services.health_recorder import HealthRecorder
from aurora.services.intake import IntakeRules, RequestIntake
from aurora.services.latency import MeasuredLatency
from aurora.services.market import Market, Observations
from aurora.services.offer_rule import OfferRule
from aurora.services.offer_sync import OfferSync
from aurora.services.policy_desk import PolicyDesk
from aurora.services.provider_desk import DeskPolicy, ProviderDesk
from aurora.services.provider_states import ProviderStates
from aurora.services.reputation import Reputation
from aurora.services.route import RouteParts, RouteService
from aurora.services.telemetry_source import ProviderWatch, TelemetrySource
from aurora.services.tenants import TenantRules
from aurora.services.waiters import Waiters
from aurora.services.whatif import WhatIfDesk
from aurora.settings import PROVIDERS, Settings
from aurora.telemetry.hooks import ResilienceHook
from aurora.telemetry.lifecycle import LifecycleHook
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.outages import Outages

_RELAXED_READERS = 3
"""Slices of a catalogue that are read at once where no market limits us."""


class Aurora:
    """A running Aurora: everything built, nothing started. `start()` reads the database; loops are the worker's."""

    def __init__(
        self, settings: Settings, *, database: Database, clock: Clock, files: Files, own: str
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.database = database
        self.files = files
        self.installation = own
        self.emulated = settings.emulated
        self.mode = settings.aurora_mode.value
        self.version = package_version("aurora-gpu")
        self.started_at: datetime = clock.now()
        self.gpus = GpuTable.load()
        self.regions = RegionTable.load()
        self.metrics = Metrics()
        self.outages = Outages(clock)
        self.draining = asyncio.Event()
        self.tracer = tracer_of(settings, self.outages, version=self.version)
        self.registry = ProviderRegistry()
        self.link = ReplicaLink(database, url=settings.database_url.get_secret_value(), clock=clock)
        self._build_markets()
        self._build_catalogue()
        self._build_routing()
        self._build_lifecycle()
        self._build_health()
        self._build_replicas()
        self.readiness = Readiness(
            database,
            clock=clock,
            synced=lambda: self.sync_watch.all_ran(self.registry.names()),
            draining=self.draining.is_set,
        )

    def _build_markets(self) -> None:
        self.hooks = Hooks([ResilienceHook(self.metrics, self.outages)])
        parts = MarketParts(
            settings=self.settings,
            config=self.files.providers,
            gpus=self.gpus,
            regions=self.regions,
            clock=self.clock,
            hooks=self.hooks,
            tracer=self.tracer,
        )
        self.markets = Markets(parts, self.registry)
        self.markets.register_all(self._status, limits="real")

    def _rule(self, name: str) -> OfferRule:
        """Raises ConfigError for a GPU or region that nobody knows."""
        wanted = self.files.providers.of(name)
        try:
            region = self.regions.macro(wanted.default_region)
            families = frozenset(self.gpus.parse_query(text).family for text in wanted.gpu_types)
        except InvalidRequest as exc:
            raise ConfigError(f"config/providers.yaml: {name}: {exc.detail}") from None
        return OfferRule(families, None if region == GLOBAL else region)

    def _status(self, name: str) -> ProviderStatus:
        """Asked later than the desk is built."""
        return self.desk.status(name)

    def _build_catalogue(self) -> None:
        self.catalogue = Catalogue(clock=self.clock, max_age_s=self.settings.offer_max_age)
        self.sync_watch = SyncWatch(self.metrics)
        self.sync = OfferSync(
            self.registry,
            database=self.database,
            catalogue=self.catalogue,
            clock=self.clock,
            policies={
                name: replace(policy, rule=self._rule(name))
                for name, policy in sync_policies(self.settings, self.registry.names()).items()
            },
            listener=self.sync_watch,
            uncache=lambda name: self.markets.guards[name].invalidate_cache(),
        )
        self.sync.serve(self.link.duty)
        self.reputation = Reputation(self.files.providers.reputations)
        self.g_scores = GScores(self.catalogue, self.reputation)
        self.desk = ProviderDesk(
            self.registry,
            self.catalogue,
            self.database,
            clock=self.clock,
            started_at=self.started_at,
            g_scores=self.g_scores.values,
            policy=DeskPolicy(
                max_ttl_s=self.settings.provider_cache_max_ttl,
                sync_intervals={name: sync_interval(self.settings, name) for name in PROVIDERS},
            ),
        )

    def _build_routing(self) -> None:
        self.overlay = CapacityOverlay()
        self.waiters = Waiters()
        self.latency = MeasuredLatency()
        self.policies = PolicyDesk(self.files.router, self.files.workloads)
        self.performance = TelemetrySource(
            ProviderWatch(
                names=self.registry.names,
                status=self.desk.status,
                last_read=lambda name: self.catalogue.state(name).last_success_at,
            ),
            clock=self.clock,
        )
        self.market = Market(
            self.catalogue,
            self.overlay,
            regions=self.regions,
            scores=self.reputation,
            states=ProviderStates(
                self.registry, self.markets.guards, clock=self.clock, refused=self.desk.start_refused
            ),
            clock=self.clock,
            observed=Observations(
                g_score=self.g_scores.score,
                latencies=self.latency,
                telemetry=self.performance,
                time_to_running_s=self.performance.time_to_running_s,
            ),
        )
        self.identity = RoutingIdentity(self.installation, self.files.version, self.settings.offer_max_age)
        self.whatif = WhatIfDesk(
            self.market, self.policies, clock=self.clock, offer_max_age_s=self.settings.offer_max_age
        )
        self.sealer = sealer_of(self.settings)
        self.route_watch = RouteWatch(self.metrics, mode=self.files.router.mode.value, tracer=self.tracer)
        self.route_watch.listen_with(self._asked)
        self.intake = RequestIntake(
            IntakeRules(
                providers=frozenset(self.registry.names(disabled=True)),
                config=self.files.router,
                templates=self.files.workloads,
                families=self.catalogue.unknown_families,
            ),
            gpus=self.gpus,
            regions=self.regions,
        )
        self.decisions = DecisionDesk(self.database)
        names = frozenset(self.registry.names(disabled=True))
        self.entrance = Entrance(
            self.settings,
            database=self.database,
            rules=TenantRules(names, self.regions, self.files.router.limits),
            clock=self.clock,
            metrics=self.metrics,
        )

    def _build_lifecycle(self) -> None:
        policy = lifecycle_policy(self.settings)
        hook = LifecycleHook(self.metrics, self.outages, clock=self.clock)
        self.attempts = AttemptFigures(self.database, clock=self.clock)
        watcher = CommitWatcher(
            self.overlay,
            self.waiters,
            reputation=self.reputation,
            hook=hook,
            performance=self.performance,
            tell=self._changed,
        )
        context = Context(
            providers=self.markets,
            sightings=GroupedSightings(
                clock=self.clock, live=lambda name: self.attempts.latest.active.get(name, 0)
            ),
            candidates=Candidates(
                self.market,
                self.overlay,
                sealer=self.sealer,
                identity=self.identity,
                clock=self.clock,
                policies=self.policies.policies,
            ),
            journal=Journal(self.database, watcher),
            clock=self.clock,
            policy=policy,
        )
        self.reconciler = Reconciler(
            context,
            report=hook,
            deadline=traced_steps(self.tracer, lambda seconds: deadline(self.clock, seconds)),
            pressed=lambda: self.routing.pressed,
        )
        self.sweep = Sweep(
            installation=self.installation,
            database=self.database,
            clock=self.clock,
            policy=policy,
            report=hook,
        )
        self.deployments = DeploymentDesk(
            self.database,
            clock=self.clock,
            provider=self.markets.get,
            kick=self._kick,
            tenants=self.entrance.book,
        )
        self.routing = RouteService(
            RouteParts(
                market=self.market,
                overlay=self.overlay,
                database=self.database,
                sealer=self.sealer,
                waiters=self.waiters,
                watcher=self.route_watch,
                identity=self.identity,
                clock=self.clock,
                kick=self._kick,
                emulated=self.emulated,
                policies=self.policies,
                tenants=self.entrance.book,
            )
        )

    def _build_health(self) -> None:
        self.recorder = HealthRecorder(self.desk, self.database, clock=self.clock)
        self.hooks.add(self.recorder.on_event)
        self.alert_book = AlertBook(self.clock)
        sources = Sources(
            self.desk,
            self.catalogue,
            self.attempts,
            self.sweep,
            self.alert_book,
            self.database.engine,
            self.link,
        )
        self.alerts = Alerts(
            self.alert_book,
            self.desk,
            figures=lambda: self.attempts.latest,
            clock=self.clock,
            orphans=sources.orphans,
        )
        self.metrics.mirror(sources)
        self.metrics.started(version=self.version, mode=self.mode, providers=self.registry.names())
        self.observability = Observability(
            Watched(
                settings=self.settings,
                database=self.database,
                metrics=self.metrics,
                outages=self.outages,
                hooks=self.hooks,
                clock=self.clock,
                tracer=self.tracer,
                book=self.alert_book,
                alerts=self.alerts,
                attempts=self.attempts,
                installation=self.installation,
            ),
            holds=self._holds,
        )

    def _build_replicas(self) -> None:
        self.link.connect(
            Connected(
                clock=self.clock,
                hooks=self.hooks,
                outages=self.outages,
                registry=self.registry,
                markets=self.markets,
                sync=self.sync,
                sync_watch=self.sync_watch,
                catalogue=self.catalogue,
                overlay=self.overlay,
                waiters=self.waiters,
                reputation=self.reputation,
                performance=self.performance,
                attempts=self.attempts,
                desk=self.desk,
                reconciler=self.reconciler,
                offer_max_age_s=self.settings.offer_max_age,
            )
        )

    @property
    def replicas(self) -> Replicas:
        """Being one of several, or the only one."""
        return self.link.replicas

    def _holds(self, duty: str) -> bool:
        """Asked later than this is built."""
        return self.replicas.holds(duty)

    def _changed(self, view: DeploymentView) -> None:
        """Somebody may wait for it at another replica."""
        self.replicas.changed(view)

    def _kick(self) -> None:
        """A deployment is due: here, or at whatever replica works on deployments."""
        self.reconciler.kick()
        self.replicas.kicked()

    def _asked(self, family: str) -> None:
        """Somebody wants this GPU: it is read first by whoever reads the markets."""
        self.sync.note_interest(family)
        self.replicas.asked(family)

    async def start(self, *, alone: bool) -> None:
        """The records become the memory. `alone`: no other process works on this database."""
        await refuse_the_other_mode(self.database, self.settings.aurora_mode)
        await check_seal(self.database, self.sealer)
        await self.entrance.load()
        if self.emulated:
            await self.follow_emulator()
        await self.recorder.restore_pauses(self.registry)
        await self.sync.load()
        await self.reputation.load(self.database)
        await self.performance.load(self.database)
        now = self.clock.now()
        async with self.database.write() as connection:
            if alone:
                await deployments.clear_claims(connection, now=now)
            await holds.drop_expired(connection, now=now)
            self.overlay.load(await holds.present(connection, now=now))
        await self.attempts.refresh()
        await self.replicas.join()
        self.readiness.loaded()

    async def follow_emulator(self) -> bool:
        """Ask the emulators how they limit, and meter by that. False while they do not answer."""
        limits = await emulator_limits(self.settings.emulator_url)
        if limits is not None:
            self.markets.follow(limits)
            self.sync.read_with(_RELAXED_READERS if limits == "relaxed" else 1)
        return limits is not None

    def drain(self) -> None:
        """The process stops: not ready any more, and what only waits is answered now."""
        self.draining.set()
        self.waiters.release()

    async def ready(self) -> tuple[bool, Mapping[str, Any]]:
        """See `Readiness`."""
        return await self.readiness.check()

    async def aclose(self) -> None:
        """Write what was decided, give duties back, close sessions and guards."""
        await self.routing.drain()
        await self.link.aclose()
        await self.entrance.aclose()
        await self.registry.aclose()
        await self.markets.aclose()
        await self.observability.aclose()
