"""The registry: one guarded provider per enabled market."""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from aurora.bootstrap.policies import guard_policy, limiter_policy
from aurora.bootstrap.traced_guard import TracedGuard
from aurora.conformance.watch import Watch
from aurora.domain import request_id
from aurora.domain.clock import Clock
from aurora.domain.errors import AuroraError, NotFound
from aurora.domain.gpu_table import GpuTable
from aurora.domain.health import ProviderStatus
from aurora.domain.region import RegionTable
from aurora.providers.base import CallGuard, Limits, Provider
from aurora.providers.brand import Address, Brand, Connection
from aurora.providers.brands import brand_of
from aurora.providers.registry import ProviderRegistry, StatusProbe
from aurora.providers.request import Transport
from aurora.resilience.events import Hooks
from aurora.resilience.guard import Guard
from aurora.services.provider_check import CheckableGuard
from aurora.services.provider_config import ProvidersConfig
from aurora.settings import PROVIDERS, ProviderSettings, Settings, SettingsError
from aurora.telemetry.tracing import NullTracer, Tracer


@dataclass(frozen=True, slots=True)
class MarketParts:
    """What every market is built from."""

    settings: Settings
    config: ProvidersConfig
    gpus: GpuTable
    regions: RegionTable
    clock: Clock
    hooks: Hooks
    tracer: Tracer = field(default_factory=NullTracer)
    watch: Watch | None = None
    """For an examination: sees what passes, and lets no write pass."""


class Markets:
    """Registers every market. One that is switched off sells nothing more, but what runs there is looked after."""

    def __init__(self, parts: MarketParts, registry: ProviderRegistry) -> None:
        self._parts = parts
        self._registry = registry
        self._brands = tuple(_dialect(brand, parts.settings) for brand in brands())
        self._retired: dict[str, Provider] = {}
        self.guards: dict[str, Guard] = {}
        self.keys: dict[str, SecretStr] = {}

    def register_all(self, status: Callable[[str], ProviderStatus], *, limits: str) -> None:
        """Raises SettingsError for an address that mixes the modes or is known to be wrong."""
        for brand in self._brands:
            self._register(brand, status=partial(status, brand.name), limits=_limits(brand, limits))

    def follow(self, limits: str) -> None:
        """The emulators said how they limit: meter by that from now on."""
        named = {brand.name: brand for brand in self._brands}
        for name, guard in self.guards.items():
            market = self._parts.settings.provider(name)
            own = _limits(named[name], limits)
            guard.set_limits(limiter_policy(self._parts.settings, market, own))

    def brand(self, name: str) -> Brand:
        """As it is with the credentials that are there. Raises NotFound."""
        found = next((brand for brand in self._brands if brand.name == name), None)
        if found is None:
            raise NotFound(f"no provider is called {name!r}")
        return found

    def get(self, name: str) -> Provider:
        """For what runs already: also a market that is switched off. Raises NotFound."""
        return self._retired.get(name) or self._registry.get(name)

    def all(self) -> tuple[Provider, ...]:
        """Every market on which something of ours may run."""
        usable = tuple(self._registry.get(name) for name in self._registry.names())
        return (*usable, *self._retired.values())

    async def aclose(self) -> None:
        """Close what the registry does not own."""
        for provider in self._retired.values():
            await provider.aclose()
        for guard in self.guards.values():
            await guard.aclose()

    def _register(self, brand: Brand, *, status: StatusProbe, limits: Limits) -> None:
        name = brand.name
        market = self._parts.settings.provider(name)
        if any(self._given(brand, one, market) is None for one in brand.addresses):
            self._registry.disable(name, brand.without_address)
            return
        key = self._key(name, market)
        if key is None and not brand.keyless_offers:
            self._registry.disable(name, f"no key: set {name.upper()}_API_KEY")
            return
        if key is not None:
            self.keys[name] = key
        policy = guard_policy(self._parts.settings, market, limits)
        guard = CheckableGuard(
            name, policy, clock=self._parts.clock, rng=random.Random(), hooks=self._parts.hooks
        )
        connection = Connection(
            urls={one.setting: self._url(brand, one, market) for one in brand.addresses},
            api_key=key,
            emulated=self._parts.settings.emulated,
            transport=self._transport(market),
            request_id=request_id.current,
            guard=self._seen(guard),
            clock=self._parts.clock,
            gpus=self._parts.gpus,
            places=self._parts.regions,
            secret_key=market.secret_key,
            own=market.own,
            most_rows=self._parts.settings.provider_max_rows,
        )
        self.guards[name] = guard
        if market.enabled and self._parts.config.of(name).enabled:
            self._registry.register(name, lambda _: brand.connect(connection), guard=guard, status=status)
            return
        self._registry.disable(name, f"switched off ({name.upper()}_ENABLED or config/providers.yaml)")
        if key is not None:
            with suppress(AuroraError):  # what cannot be connected has nothing of ours running
                self._retired[name] = brand.connect(connection)

    def _transport(self, market: ProviderSettings) -> Transport:
        watch = self._parts.watch
        if watch is None:
            return Transport(attempt_s=market.timeout)
        return Transport(attempt_s=market.timeout, heard=watch.heard)

    def _seen(self, guard: Guard) -> CallGuard:
        """As adapters see it; itself where nothing is traced or watched."""
        tracer, watch = self._parts.tracer, self._parts.watch
        if watch is not None:
            return watch.guard(guard)
        return TracedGuard(guard, tracer, provider=guard.provider) if tracer.enabled else guard

    def _key(self, name: str, market: ProviderSettings) -> SecretStr | None:
        if market.api_key is not None:
            return market.api_key
        named = self._parts.config.of(name).credentials_secret
        held = _held_key(named) if named is not None else None
        if held is not None:
            return held
        return SecretStr("emulated") if self._parts.settings.emulated else None

    def _given(self, brand: Brand, one: Address, market: ProviderSettings) -> str | None:
        """The address as somebody wrote it, the emulator's, or the market's own; None where there is none."""
        settings = self._parts.settings
        given = market.urls.get(one.setting)
        if given is None and settings.emulated:
            given = f"{settings.emulator_url.rstrip('/')}/{brand.name}{one.emulated}"
        if given is None and one.setting == "BASE_URL":
            given = self._parts.config.of(brand.name).api_url
        return given or one.live

    def _url(self, brand: Brand, one: Address, market: ProviderSettings) -> str:
        """Emulated: the emulator, and never an address that leaves this machine. Live: never an emulator."""
        settings = self._parts.settings
        setting = f"{brand.name.upper()}_{one.setting}"
        try:
            address = one.normalise(self._given(brand, one, market) or "")
        except ValueError as exc:
            raise SettingsError(f"{setting}: {exc}") from None
        if not settings.emulated and address.startswith(f"{settings.emulator_url.rstrip('/')}/"):
            raise SettingsError(f"{setting}: {address} is an emulator; live mode never uses one")
        if settings.emulated and not _is_loopback(address):
            raise SettingsError(
                f"{setting}: {address} is not on this machine; emulated mode sends no key anywhere else"
            )
        return address


def _dialect(brand: Brand, settings: Settings) -> Brand:
    """What the market is with the credentials that are there."""
    if brand.signed is not None and settings.provider(brand.name).secret_key is not None:
        return brand.signed
    return brand


def brands() -> tuple[Brand, ...]:
    """Every market that has settings says in its own folder how it is connected."""
    return tuple(brand_of(name) for name in PROVIDERS)


def _held_key(name: str) -> SecretStr | None:
    """The key in the variable, or in the mounted file, of this name."""
    value = os.environ.get(name)
    if not value and Path(name).is_file():
        value = Path(name).read_text(encoding="utf-8").strip()
    return SecretStr(value) if value else None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _limits(brand: Brand, named: str) -> Limits:
    """`real` or `relaxed`."""
    return brand.relaxed if named == "relaxed" else brand.real
