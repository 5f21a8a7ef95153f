"""What keeps a provider's offers from being chosen right now, read from its guard."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from aurora.domain.clock import Clock
from aurora.domain.health import BreakerState, ProviderStatus
from aurora.domain.operation import Operation
from aurora.providers.base import Provider
from aurora.providers.registry import Entry, ProviderRegistry
from aurora.resilience.guard import Guard
from aurora.resilience.pause import Pause
from aurora.routing.candidate import ProviderAbilities, ProviderState

_FRESH_S = 0.05
"""States are read at most this often: a view costs a fraction of a millisecond, a decision microseconds."""
_BUYING = {None, "create", "quote", "search"}
"""Endpoint classes without which nothing can be bought."""


class ProviderStates:
    """Called by the market for every snapshot. No I/O."""

    def __init__(
        self,
        registry: ProviderRegistry,
        guards: Mapping[str, Guard],
        *,
        clock: Clock,
        refused: Callable[[str], bool],
    ) -> None:
        """`refused`: did this provider refuse our credential at the start, and not recover since?"""
        self._registry = registry
        self._guards = guards
        self._clock = clock
        self._refused = refused
        self._read_at = float("-inf")
        self._states: tuple[ProviderState, ...] = ()

    def __call__(self) -> tuple[ProviderState, ...]:
        now = self._clock.monotonic()
        if now - self._read_at >= _FRESH_S:
            self._states = tuple(self._state(entry) for entry in self._registry)
            self._read_at = now
        return self._states

    def _state(self, entry: Entry) -> ProviderState:
        provider, guard = entry.provider, self._guards.get(entry.name)
        if provider is None:
            return ProviderState(entry.name, ProviderStatus.DISABLED, entry.reason or "disabled")
        if guard is None:
            return ProviderState(entry.name, abilities=_abilities(provider), billing=provider.billing)
        view = guard.buying()
        return ProviderState(
            entry.name,
            create_breaker_open=view.create is BreakerState.OPEN,
            quota_until=_quota(view.pauses),
            credential_refused=Operation.CREATE in view.refused_operations or self._refused(entry.name),
            abilities=_abilities(provider),
            billing=provider.billing,
        )


def _quota(pauses: Iterable[Pause]) -> datetime | None:
    """The provider's own dated pause on anything that buying needs."""
    return max((pause.until for pause in pauses if pause.dated and pause.endpoint in _BUYING), default=None)


def _abilities(provider: Provider) -> ProviderAbilities:
    can = provider.capabilities
    return ProviderAbilities(
        deploy=can.deploy,
        command=can.command,
        ports=can.ports,
        udp_ports=can.udp_ports,
        disk=can.disk,
        private_registry=can.private_registry,
        custom_sizes=can.custom_sizes,
    )
