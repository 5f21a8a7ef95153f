"""The only process: every duty is its own, and nobody needs to be told anything. Costs nothing."""

import asyncio
from collections.abc import Callable, Iterable

from aurora.domain.operation import OperationClass
from aurora.domain.records import DeploymentView
from aurora.replicas.base import DUTIES, ReplicaFigures, Syncs
from aurora.replicas.sync import duty


class Alone:
    """Fits `replicas.base.Replicas`."""

    def __init__(self, sync: Syncs, *, names: Callable[[], Iterable[str]]) -> None:
        self._names = names
        self.sync = sync

    async def join(self) -> None:
        """There is nobody."""

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.Event().wait()

    async def may_sync(self, provider: str) -> bool:
        """Always."""
        del provider
        return True

    async def has_duty(self, name: str) -> bool:
        """Always."""
        del name
        return True

    def holds(self, name: str) -> bool:
        """Always."""
        del name
        return True

    def kicked(self) -> None:
        """Our own reconciler knows."""

    def changed(self, view: DeploymentView) -> None:
        """Our own waiters know."""

    def asked(self, family: str) -> None:
        """Our own sync knows."""

    async def reset(self, provider: str, operation_class: OperationClass | None, *, actor: str) -> bool:
        """Done already."""
        del provider, operation_class, actor
        return True

    def figures(self) -> ReplicaFigures:
        names = tuple(self._names())
        return ReplicaFigures(
            held=dict.fromkeys((*DUTIES, *(duty(name) for name in names)), True),
            fallback=dict.fromkeys(names, False),
            fallbacks=dict.fromkeys(names, 0),
            circuits_shared=dict.fromkeys(names, False),
        )

    async def aclose(self) -> None:
        """Nothing is held."""
