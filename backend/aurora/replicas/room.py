"""One of several processes on one Postgres."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aurora.db.notices import Notices
from aurora.domain.clock import Clock
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.operation import OperationClass
from aurora.domain.records import DeploymentView
from aurora.replicas.base import DUTIES, ReplicaFigures
from aurora.replicas.follower import Follower
from aurora.replicas.leases import Leases
from aurora.replicas.member import Member
from aurora.replicas.sync import SharedSync, duty

_ASK_AGAIN_S = 5.0
"""A GPU family that is asked for all the time is told so often."""


class Report(Protocol):
    """Told of what fails and what works again; says it once."""

    def failed(self, name: str, error: BaseException | str) -> None: ...

    def succeeded(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Hears:
    """Who is told when another replica says a word."""

    kick: Callable[[], None]
    """A deployment is due."""
    settled: Callable[[str], None]
    """A deployment runs or has ended."""
    asked: Callable[[str], None]
    """Somebody asks for a GPU family."""


class Together:
    """Fits `replicas.base.Replicas`."""

    def __init__(
        self,
        *,
        leases: Leases,
        follower: Follower,
        members: Mapping[str, Member],
        sync: SharedSync,
        notices: Notices,
        hears: Hears,
        report: Report,
        clock: Clock,
    ) -> None:
        self._leases = leases
        self._follower = follower
        self._members = members
        self._notices = notices
        self._hears = hears
        self._report = report
        self._clock = clock
        self._told: dict[str, float] = {}
        self.sync = sync

    async def join(self) -> None:
        """See `Replicas.join`."""
        await self._leases.renew()
        await self._follower.look()

    async def run(self) -> None:
        """See `Replicas.run`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._leases.run(self._teller("leases")), name="leases")
            group.create_task(self._follower.run(self._teller("follow the other replicas")), name="follow")
            group.create_task(self._notices.run(self._heard), name="notices")

    async def may_sync(self, provider: str) -> bool:
        """See `Replicas.may_sync`."""
        return await self.sync.leads(provider)

    async def has_duty(self, name: str) -> bool:
        """See `Replicas.has_duty`."""
        return await self._leases.take(name)

    def holds(self, name: str) -> bool:
        """See `Replicas.holds`."""
        return self._leases.holds(name)

    def kicked(self) -> None:
        """See `Replicas.kicked`."""
        self._notices.post("kick:")

    def changed(self, view: DeploymentView) -> None:
        """See `Replicas.changed`."""
        status = view.deployment.status
        if status is DeploymentStatus.RUNNING or status.ended:
            self._notices.post(f"settled:{view.deployment.id}")

    def asked(self, family: str) -> None:
        """See `Replicas.asked`."""
        now = self._clock.monotonic()
        if now - self._told.get(family, float("-inf")) >= _ASK_AGAIN_S:
            self._told[family] = now
            self._notices.post(f"asked:{family}")

    async def reset(self, provider: str, operation_class: OperationClass | None, *, actor: str) -> bool:
        """See `Replicas.reset`."""
        member = self._members.get(provider)
        if member is None:
            return True
        if operation_class is None:
            try:
                await member.pauses.clear()
            except DatabaseUnavailable:
                member.circuits.away()
                return False
        return await member.circuits.reset(operation_class, actor=actor)

    def figures(self) -> ReplicaFigures:
        """See `Replicas.figures`."""
        members = self._members
        return ReplicaFigures(
            replicas=self._leases.replicas,
            held={name: self._leases.holds(name) for name in (*DUTIES, *(duty(each) for each in members))},
            fallback={name: member.tokens.away for name, member in members.items()},
            fallbacks={name: member.tokens.fallbacks for name, member in members.items()},
            circuits_shared={name: member.circuits.reachable for name, member in members.items()},
            connected=self._notices.connected,
            behind_s=self._follower.behind_s or 0.0,
        )

    async def aclose(self) -> None:
        """See `Replicas.aclose`."""
        await self.sync.aclose()
        for member in self._members.values():
            await member.circuits.aclose()
        await self._leases.aclose()

    def _heard(self, word: str) -> None:
        """An empty word: the connection is new, something may have been missed."""
        kind, _, what = word.partition(":")
        if kind in {"", "kick"}:
            self._hears.kick()
        if kind == "settled":
            self._hears.settled(what)
        elif kind == "asked":
            self._hears.asked(what)
        elif kind != "kick":
            self._follower.wake()

    def _teller(self, name: str) -> Callable[[DatabaseUnavailable | None], None]:
        def tell(error: DatabaseUnavailable | None) -> None:
            if error is None:
                self._report.succeeded(name)
            else:
                self._report.failed(name, error)

        return tell
