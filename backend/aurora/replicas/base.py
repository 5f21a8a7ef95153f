"""What the rest of Aurora asks of its being one of several, or the only one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aurora.domain.operation import OperationClass
from aurora.domain.records import DeploymentView, SyncReport

HEALTH = "health"
"""Asking every market how it is, and writing it down."""
SWEEP = "sweep"
"""Comparing every market's list with our records."""
DUTIES = (HEALTH, SWEEP)
"""Duties that one replica has for all, besides reading the markets."""


class Syncs(Protocol):
    """Reading the markets, whoever does it."""

    async def run(
        self, provider: str, *, deadline_s: float | None = None, fresh: bool = True
    ) -> SyncReport: ...

    async def run_all(self) -> Mapping[str, SyncReport]: ...

    def latest_all(self) -> Mapping[str, SyncReport]: ...


@dataclass(frozen=True, slots=True)
class ReplicaFigures:
    """For metrics."""

    replicas: int = 1
    """Processes that live, as far as this one knows."""
    held: Mapping[str, bool] = field(default_factory=dict)
    """Duties, and whether they are ours."""
    fallback: Mapping[str, bool] = field(default_factory=dict)
    """By provider: is our own share of the rate limit what counts, because the database is away?"""
    fallbacks: Mapping[str, int] = field(default_factory=dict)
    """By provider: takes so far that were decided by our own share."""
    circuits_shared: Mapping[str, bool] = field(default_factory=dict)
    """By provider: do the shared breakers rule? False while the database is away, and where there is one process."""
    connected: bool = False
    """Are words heard at once, or only by looking?"""
    behind_s: float = 0.0
    """Since the last look at the others."""


class Replicas(Protocol):
    """One of several processes, or the only one."""

    @property
    def sync(self) -> Syncs: ...

    async def join(self) -> None:
        """Before the first provider call: know what the others know. Raises DatabaseUnavailable."""
        ...

    async def run(self) -> None:
        """Keep up with the others until cancelled; a bug ends it."""
        ...

    async def may_sync(self, provider: str) -> bool:
        """Is it our turn to read this market by schedule? Taken when it is nobody's. Raises DatabaseUnavailable."""
        ...

    async def has_duty(self, name: str) -> bool:
        """As `may_sync` for one of DUTIES."""
        ...

    def holds(self, name: str) -> bool:
        """The same without asking, and without taking it."""
        ...

    def kicked(self) -> None:
        """A deployment is due: tell whoever works on deployments."""
        ...

    def changed(self, view: DeploymentView) -> None:
        """Tell those who wait for this deployment elsewhere, if it is worth it."""
        ...

    def asked(self, family: str) -> None:
        """Somebody asks for this GPU family: whoever reads the markets reads it first."""
        ...

    async def reset(self, provider: str, operation_class: OperationClass | None, *, actor: str) -> bool:
        """Breakers were closed here by hand: close them everywhere. False: they will be, when the database is back."""
        ...

    def figures(self) -> ReplicaFigures: ...

    async def aclose(self) -> None:
        """Give every duty back."""
        ...
