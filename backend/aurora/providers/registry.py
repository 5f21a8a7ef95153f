"""Which markets there are, and in which condition."""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aurora.domain.errors import AuroraError, NotFound
from aurora.domain.health import ProviderStatus
from aurora.providers.base import CallGuard, Provider
from aurora.providers.metrics import DirectGuard

Factory = Callable[[CallGuard], Provider]
"""Makes a provider around its guard; a class whose constructor takes the guard is one."""
StatusProbe = Callable[[], ProviderStatus]
"""Tells a provider's present condition without asking it."""


class ProviderDisabled(NotFound):
    """The provider is known but switched off, or could not be made."""

    code = "provider_disabled"


@dataclass(frozen=True, slots=True)
class Entry:
    """One market. A disabled one has a `reason` and no provider."""

    name: str
    guard: CallGuard
    probe: StatusProbe
    provider: Provider | None = None
    reason: str | None = None

    @property
    def status(self) -> ProviderStatus:
        return self.probe() if self.provider is not None else ProviderStatus.DISABLED


class ProviderRegistry:
    """Markets by name, in the order of registration. Closed once, at shutdown."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __repr__(self) -> str:
        known = ", ".join(f"{entry.name} {entry.status}" for entry in self._entries.values())
        return f"ProviderRegistry({known})"

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def register(
        self,
        name: str,
        source: Provider | Factory,
        *,
        guard: CallGuard | None = None,
        status: StatusProbe = lambda: ProviderStatus.HEALTHY,
    ) -> Entry:
        """Add a provider, or make one: `source` is a provider or what makes one around `guard`.

        One that cannot be made is kept as disabled, with the reason: it must not stop the others. Without a guard
        nothing limits its calls. Raises ValueError for a name that is taken.
        """
        guard = guard if guard is not None else DirectGuard()
        try:
            provider = source(guard) if callable(source) else source
        except (AuroraError, ValueError) as exc:
            return self._add(Entry(name, guard, status, reason=str(exc)))
        return self._add(Entry(name, guard, status, provider=provider))

    def disable(self, name: str, reason: str) -> Entry:
        """Name a market that is not used, and why. Raises ValueError for a name that is taken."""
        return self._add(Entry(name, DirectGuard(), lambda: ProviderStatus.DISABLED, reason=reason))

    def get(self, name: str) -> Provider:
        """The provider. Raises NotFound, or ProviderDisabled with the reason."""
        entry = self.entry(name)
        if entry.provider is None:
            raise ProviderDisabled(f"{name} is disabled: {entry.reason}")
        return entry.provider

    def entry(self, name: str) -> Entry:
        """Provider, guard and status together. Raises NotFound."""
        found = self._entries.get(name)
        if found is None:
            raise NotFound(f"no provider is called {name!r}")
        return found

    def names(self, *, disabled: bool = False) -> tuple[str, ...]:
        """Names of the usable providers, of all with `disabled`."""
        return tuple(entry.name for entry in self if disabled or entry.provider is not None)

    def get_all_healthy(self) -> list[Provider]:
        """The providers whose status is HEALTHY."""
        return [
            entry.provider
            for entry in self
            if entry.provider is not None and entry.status is ProviderStatus.HEALTHY
        ]

    async def aclose(self) -> None:
        """Close every provider; one that fails to close does not keep the others open."""
        entries, self._entries = self._entries, {}
        async with AsyncExitStack() as stack:
            for entry in entries.values():
                if entry.provider is not None:
                    stack.push_async_callback(entry.provider.aclose)

    def _add(self, entry: Entry) -> Entry:
        if entry.name in self._entries:
            raise ValueError(f"a provider called {entry.name!r} is registered already")
        self._entries[entry.name] = entry
        return entry
