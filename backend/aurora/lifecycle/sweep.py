"""The sweep: every provider's list against our records, in both directions."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from aurora.db.database import Database
from aurora.db.repositories import deployments
from aurora.domain.clock import Clock
from aurora.domain.deployment import AttemptState
from aurora.domain.errors import ProviderError
from aurora.domain.instance import Instance
from aurora.domain.naming import InstanceName
from aurora.domain.records import Attempt
from aurora.lifecycle.policy import LifecyclePolicy
from aurora.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Orphan:
    """An instance with our installation's prefix that no record knows."""

    provider: str
    external_id: str
    name: str
    first_seen_at: datetime


class SweepReport(Protocol):
    """Told what the sweep found; must not raise."""

    def orphan_found(self, orphan: Orphan) -> None: ...

    def orphan_killed(self, orphan: Orphan) -> None: ...

    def orphan_gone(self, orphan: Orphan) -> None: ...

    def kill_braked(self, orphan: Orphan, reason: str) -> None: ...

    def reopened(self, attempt: Attempt) -> None: ...

    def sweep_failed(self, provider: str, error: ProviderError) -> None: ...

    def swept(self, provider: str, *, ours: int) -> None: ...


class Sweep:
    """Adopts on match, else reports, then kills by policy. What lacks our prefix is never touched."""

    def __init__(
        self,
        *,
        installation: str,
        database: Database,
        clock: Clock,
        policy: LifecyclePolicy,
        report: SweepReport,
    ) -> None:
        self._installation = installation
        self._database = database
        self._clock = clock
        self._policy = policy
        self._report = report
        self._orphans: dict[tuple[str, str], Orphan] = {}
        self._kills: dict[str, deque[datetime]] = {}

    @property
    def orphans(self) -> tuple[Orphan, ...]:
        return tuple(self._orphans.values())

    async def run(self, providers: Iterable[Provider]) -> int:
        """One pass over all providers that can list; returns the number of deployments woken."""
        woken = 0
        for provider in providers:
            if not (provider.capabilities.deploy and provider.capabilities.list_own):
                continue
            try:
                listed = await provider.list_own()
            except ProviderError as exc:
                self._report.sweep_failed(provider.name, exc)
                continue
            woken += await self._compare(provider, listed)
        return woken

    async def _compare(self, provider: Provider, listed: Sequence[Instance]) -> int:
        named = [(one, InstanceName.parse(one.name)) for one in listed if not one.over]
        ours = {
            str(name): one
            for one, name in named
            if name is not None and name.installation == self._installation
        }
        async with self._database.read() as connection:
            known = await deployments.find_attempts(connection, ours)
        woken = 0
        for name, instance in ours.items():
            attempt = known.get(name)
            if attempt is not None:
                woken += await self._matched(attempt, instance)
        unknown = {name: one for name, one in ours.items() if name not in known}
        self._forget(provider.name, {one.external_id for one in unknown.values()})
        for name, instance in unknown.items():
            await self._orphan(provider, instance, name, total=len(ours))
        self._report.swept(provider.name, ours=len(ours))
        return woken

    async def _matched(self, attempt: Attempt, instance: Instance) -> int:
        """A record exists. Its instance lives although the attempt was closed: end it, and count its cost."""
        now = self._clock.now()
        if attempt.state is AttemptState.ENDED:
            reopened = replace(
                attempt,
                state=AttemptState.ENDING,
                external_id=instance.external_id,
                absent_at=None,
                ended_at=None,
                unseen_since=None,
                terminate_asked_at=None,
                billed_until=attempt.ended_at,
            )
            async with self._database.write() as connection:
                await deployments.reopen(connection, reopened, now=now)
            self._report.reopened(reopened)
            return 1
        if attempt.external_id is None and attempt.state is AttemptState.UNKNOWN:
            async with self._database.write() as connection:
                await deployments.wake(connection, attempt.deployment_id, now=now)
            return 1
        return 0

    async def _orphan(self, provider: Provider, instance: Instance, name: str, *, total: int) -> None:
        key = (provider.name, instance.external_id)
        orphan = self._orphans.get(key)
        now = self._clock.now()
        if orphan is None:
            orphan = Orphan(provider.name, instance.external_id, name, now)
            self._orphans[key] = orphan
            self._report.orphan_found(orphan)
        if (now - orphan.first_seen_at).total_seconds() < self._policy.orphan_kill_after:
            return
        if self._braked(provider.name, total):
            self._report.kill_braked(orphan, "more kills in an hour than the policy allows")
            return
        try:
            await provider.terminate(instance.external_id)
        except ProviderError as exc:
            self._report.sweep_failed(provider.name, exc)
            return
        self._kills.setdefault(provider.name, deque()).append(now)
        self._report.orphan_killed(orphan)

    def _braked(self, provider: str, total: int) -> bool:
        """A wrong database must not become a massacre: at most 3 an hour, and at most a fifth of a small fleet."""
        kills = self._kills.setdefault(provider, deque())
        hour_ago = self._clock.now() - timedelta(hours=1)
        while kills and kills[0] < hour_ago:
            kills.popleft()
        share = max(1, int(total * self._policy.orphan_kill_share))
        allowed = min(self._policy.orphan_kills_per_hour, share)
        return len(kills) >= allowed

    def _forget(self, provider: str, present: set[str]) -> None:
        for key, orphan in list(self._orphans.items()):
            if key[0] == provider and key[1] not in present:
                del self._orphans[key]
                self._report.orphan_gone(orphan)
