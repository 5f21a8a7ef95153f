"""Is this process one of several? On Postgres it may be, and behaves so from its start; an embedded database is alone."""

import hashlib
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from aurora.bootstrap.markets import Markets
from aurora.bootstrap.watchers import SyncWatch
from aurora.db.database import Database
from aurora.db.engine import create_engine, dispose
from aurora.db.notices import Notices
from aurora.db.repositories import health, incidents
from aurora.domain.clock import Clock
from aurora.domain.records import SyncReport
from aurora.lifecycle.reconciler import Reconciler
from aurora.providers.registry import ProviderRegistry
from aurora.replicas.alone import Alone
from aurora.replicas.base import HEALTH, Replicas
from aurora.replicas.circuits import Circuits
from aurora.replicas.follower import Chore, Follower, Following
from aurora.replicas.leases import Leases
from aurora.replicas.limits import SharedTokens
from aurora.replicas.look import Look
from aurora.replicas.member import Member
from aurora.replicas.room import Hears, Together
from aurora.replicas.silence import SharedCredential, SharedPauses
from aurora.replicas.sync import LeasedDuty, SharedSync
from aurora.resilience.events import Hooks
from aurora.resilience.guard import Guard
from aurora.resilience.shared import Shared
from aurora.services.attempt_figures import AttemptFigures
from aurora.services.capacity import CapacityOverlay
from aurora.services.catalogue import Catalogue
from aurora.services.catalogue_follow import CatalogueFollower
from aurora.services.offer_sync import OfferSync
from aurora.services.provider_desk import ProviderDesk
from aurora.services.reputation import Reputation
from aurora.services.sync_writer import SyncDuty, Unshared
from aurora.services.telemetry_source import TelemetrySource
from aurora.services.waiters import Waiters
from aurora.telemetry.outages import Outages

_FIGURES_S = 4.0
_HEALTH_S = 4.0
_SCORES_S = 5.0


@dataclass(frozen=True, slots=True)
class Connected:
    """What one process has, and the others have too."""

    clock: Clock
    hooks: Hooks
    outages: Outages
    registry: ProviderRegistry
    markets: Markets
    sync: OfferSync
    sync_watch: SyncWatch
    catalogue: Catalogue
    overlay: CapacityOverlay
    waiters: Waiters
    reputation: Reputation
    performance: TelemetrySource
    attempts: AttemptFigures
    desk: ProviderDesk
    reconciler: Reconciler
    offer_max_age_s: float


class ReplicaLink:
    """Made first, for the sync writes under its duty; connected when everything else is built."""

    def __init__(self, database: Database, *, url: str, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._engine: AsyncEngine | None = None
        self._leases: Leases | None = None
        if database.dialect == "postgresql":
            self._engine = create_engine(url, application="aurora notices")
            self._leases = Leases(database, owner=secrets.token_hex(12), clock=clock)
        self.replicas: Replicas

    @property
    def duty(self) -> SyncDuty:
        return Unshared() if self._leases is None else LeasedDuty(self._leases)

    def connect(self, parts: Connected) -> None:
        """From now on `replicas` is there, and guards share what they must."""
        if self._leases is None or self._engine is None:
            self.replicas = Alone(parts.sync, names=parts.registry.names)
            return
        self.replicas = _together(parts, self._database, self._leases, self._engine)
        parts.desk.resets_with(self.replicas.reset)

    async def aclose(self) -> None:
        """Duties are given back, so that another replica has them at once."""
        await self.replicas.aclose()
        if self._engine is not None:
            await dispose(self._engine)


def _together(parts: Connected, database: Database, leases: Leases, engine: AsyncEngine) -> Together:
    clock = parts.clock
    notices = Notices(engine, clock=clock)
    members = {
        name: _member(guard, parts, database, replicas=lambda: leases.replicas, tell=notices.post)
        for name, guard in parts.markets.guards.items()
    }
    follower = CatalogueFollower(parts.catalogue, database, clock=clock)
    sync = SharedSync(
        parts.sync,
        leases,
        database=database,
        clock=clock,
        names=parts.registry.names,
        tell=notices.post,
        follower=follower,
    )
    following = Following(
        members=members,
        catalogue=follower,
        overlay=parts.overlay,
        sync=sync,
        learn=_learner(parts),
        chores=_chores(parts, database, leases),
    )
    return Together(
        leases=leases,
        follower=Follower(following, database=database, clock=clock),
        members=members,
        sync=sync,
        notices=notices,
        hears=Hears(parts.reconciler.kick, parts.waiters.settled, parts.sync.note_interest),
        report=parts.outages,
        clock=clock,
    )


def _member(
    guard: Guard,
    parts: Connected,
    database: Database,
    *,
    replicas: Callable[[], int],
    tell: Callable[[str], None],
) -> Member:
    name, clock = guard.provider, parts.clock
    circuits = Circuits(name, guard.breakers, guard.policy, database=database, rng=random.Random(), tell=tell)
    tokens = SharedTokens(name, database, clock=clock, replicas=replicas)
    pauses = SharedPauses(name, guard.limiter.pauses, database=database, clock=clock, tell=tell)
    parts.hooks.add(pauses.on_event)
    guard.join(Shared(tokens, circuits))
    credential = SharedCredential(name, guard.credential, fingerprint=_fingerprint(parts.markets, name))
    return Member(guard, circuits, tokens, pauses, credential)


def _fingerprint(markets: Markets, name: str) -> str:
    """Says whether two replicas have the same key, and nothing else about it."""
    key = markets.keys.get(name)
    text = "" if key is None else key.get_secret_value()
    return hashlib.blake2b(text.encode(), digest_size=4, person=b"aurora key").hexdigest()


def _learner(parts: Connected) -> Callable[[SyncReport], None]:
    def learn(report: SyncReport) -> None:
        """A run of another replica; our own was learned when it ended."""
        own = parts.sync.latest(report.provider)
        if own is None or own.started_at < report.started_at:
            parts.sync.learn(report)
        if (parts.clock.now() - report.started_at).total_seconds() <= parts.offer_max_age_s:
            parts.sync_watch.ran.add(report.provider)

    return learn


def _chores(parts: Connected, database: Database, leases: Leases) -> list[Chore]:
    counted = 0

    async def scores(look: Look) -> None:
        nonlocal counted
        if look.newest_outcome != counted:
            await parts.reputation.load(database)
            await parts.performance.load(database)
            counted = look.newest_outcome

    async def figures(_look: Look) -> None:
        await parts.attempts.refresh()

    async def condition(_look: Look) -> None:
        """What the replica that asks the markets has seen; ours to see if it is our duty."""
        if leases.holds(HEALTH):
            parts.desk.learn_observations({})
            return
        async with database.read() as connection:
            observed = await health.last(connection)
            known = await incidents.since(connection, parts.desk.uptime_since())
        parts.desk.learn_observations(observed)
        parts.desk.learn_incidents(known)

    return [Chore(_SCORES_S, scores), Chore(_FIGURES_S, figures), Chore(_HEALTH_S, condition)]
