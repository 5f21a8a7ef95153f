"""The registry: one guarded provider per enabled market."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

from aurora.bootstrap.policies import guard_policy, limiter_policy
from aurora.domain import request_id
from aurora.domain.clock import Clock
from aurora.domain.gpu_table import GpuTable
from aurora.domain.health import ProviderStatus
from aurora.domain.region import RegionTable
from aurora.providers.base import CallGuard, Limits, Provider
from aurora.providers.registry import ProviderRegistry, StatusProbe
from aurora.providers.request import Transport
from aurora.providers.vastai.base_url import BASE_URL, normalise_base_url
from aurora.providers.vastai.limits import REAL, RELAXED
from aurora.providers.vastai.provider import VastAccount, VastProvider
from aurora.resilience.events import Hooks
from aurora.resilience.guard import Guard
from aurora.services.provider_check import CheckableGuard
from aurora.services.provider_config import ProvidersConfig
from aurora.settings import PROVIDERS, ProviderSettings, Settings, SettingsError


@dataclass(frozen=True, slots=True)
class MarketParts:
    """What every market is built from."""

    settings: Settings
    config: ProvidersConfig
    gpus: GpuTable
    regions: RegionTable
    clock: Clock
    hooks: Hooks


class Markets:
    """Registers every market. One that is switched off sells nothing more, but what runs there is looked after."""

    def __init__(self, parts: MarketParts, registry: ProviderRegistry) -> None:
        self._parts = parts
        self._registry = registry
        self._retired: dict[str, Provider] = {}
        self.guards: dict[str, Guard] = {}

    def register_all(self, status: Callable[[str], ProviderStatus], *, limits: str) -> None:
        """Raises SettingsError for an address that mixes the modes or is known to be wrong."""
        for name in PROVIDERS:
            self._register(name, status=lambda name=name: status(name), limits=limits_named(limits))  # type: ignore[misc]  # binds the loop's name

    def follow(self, limits: str) -> None:
        """The emulators said how they limit: meter by that from now on."""
        for name, guard in self.guards.items():
            market = self._parts.settings.provider(name)
            guard.set_limits(limiter_policy(self._parts.settings, market, limits_named(limits)))

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

    def _register(self, name: str, *, status: StatusProbe, limits: Limits) -> None:
        market = self._parts.settings.provider(name)
        key = self._key(market)
        enabled = market.enabled and self._parts.config.of(name).enabled
        if key is None:
            self._registry.disable(name, f"no key: set {name.upper()}_API_KEY")
            return
        base_url = self._base_url(name, market)
        policy = guard_policy(self._parts.settings, market, limits)
        guard = CheckableGuard(
            name, policy, clock=self._parts.clock, rng=random.Random(), hooks=self._parts.hooks
        )
        self.guards[name] = guard
        if enabled:
            self._registry.register(
                name, lambda given: self._vastai(given, key, base_url, market), guard=guard, status=status
            )
            return
        self._registry.disable(name, f"switched off ({name.upper()}_ENABLED or config/providers.yaml)")
        self._retired[name] = self._vastai(guard, key, base_url, market)

    def _vastai(self, guard: CallGuard, key: SecretStr, base_url: str, market: ProviderSettings) -> Provider:
        account = VastAccount(
            api_key=key,
            base_url=base_url,
            emulated=self._parts.settings.emulated,
            transport=Transport(attempt_s=market.timeout),
            request_id=request_id.current,
        )
        return VastProvider.connect(
            account,
            guard=guard,
            clock=self._parts.clock,
            gpus=self._parts.gpus,
            places=self._parts.regions,
        )

    def _key(self, market: ProviderSettings) -> SecretStr | None:
        if market.api_key is not None:
            return market.api_key
        return SecretStr("emulated") if self._parts.settings.emulated else None

    def _base_url(self, name: str, market: ProviderSettings) -> str:
        """Emulated: the emulator, and never an address that leaves this machine. Live: never an emulator."""
        settings = self._parts.settings
        setting = f"{name.upper()}_BASE_URL"
        plain = f"{settings.emulator_url.rstrip('/')}/{name}" if settings.emulated else BASE_URL
        given = market.base_url or (None if settings.emulated else self._parts.config.of(name).api_url)
        try:
            address = normalise_base_url(given or plain)
        except ValueError as exc:
            raise SettingsError(f"{setting}: {exc}") from None
        local = _is_loopback(address)
        if not settings.emulated and address.startswith(settings.emulator_url.rstrip("/") + "/"):
            raise SettingsError(f"{setting}: {address} is an emulator; live mode never uses one")
        if settings.emulated and not local:
            raise SettingsError(
                f"{setting}: {address} is not on this machine; emulated mode sends no key anywhere else"
            )
        return address


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def limits_named(text: str) -> Limits:
    """`real` or `relaxed`."""
    return RELAXED if text == "relaxed" else REAL
