"""Each market: address, reachability, key, credit, limits; and the clocks."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from aurora.bootstrap.emulator import emulator_limits
from aurora.bootstrap.markets import MarketParts, Markets, brands
from aurora.cli.doctor import by_hand
from aurora.cli.doctor.asked import Heard, ask
from aurora.cli.doctor.check import Check, fail, ok, skip, warn
from aurora.cli.doctor.limits import limits_check
from aurora.domain.clock import SystemClock
from aurora.domain.gpu_table import GpuTable
from aurora.domain.health import ProviderStatus
from aurora.domain.region import RegionTable
from aurora.providers.brand import Brand
from aurora.providers.registry import ProviderRegistry
from aurora.resilience.deadline import deadline
from aurora.resilience.events import Hooks
from aurora.services.provider_check import CheckResult, check
from aurora.services.provider_config import ProvidersConfig
from aurora.settings import Settings, SettingsError

_SECONDS = 20.0
SKEW_WARN_S = 5.0
SKEW_FAIL_S = 60.0
"""From here on certificates, signed requests and time limits go wrong."""
LOW_CREDIT_USD = 1.0


async def market_checks(settings: Settings, config: ProvidersConfig) -> list[Check]:
    """One question to each market, through its own adapter; no loop is started and no database opened."""
    registry, clock = ProviderRegistry(), SystemClock()
    parts = MarketParts(
        settings=settings,
        config=config,
        gpus=GpuTable.load(),
        regions=RegionTable.load(),
        clock=clock,
        hooks=Hooks([]),
    )
    markets = Markets(parts, registry)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(markets.aclose)
        stack.push_async_callback(registry.aclose)
        try:
            markets.register_all(lambda _: ProviderStatus.HEALTHY, limits="real")
        except SettingsError as exc:
            return [
                fail("markets", str(exc), then="correct that setting; empty means the market's own address")
            ]
        limits = await emulator_limits(settings.emulator_url) if settings.emulated else None
        if limits is not None:
            markets.follow(limits)
        desk = _Desk(settings, config, registry=registry, markets=markets)
        found = await asyncio.gather(*(desk.examine(brand) for brand in brands()))
    return desk.judged([each for checks in found for each in checks])


class _Desk:
    """Asks the markets and remembers what their clocks said."""

    def __init__(
        self, settings: Settings, config: ProvidersConfig, *, registry: ProviderRegistry, markets: Markets
    ) -> None:
        self._settings = settings
        self._config = config
        self._registry = registry
        self._markets = markets
        self._heard: dict[str, tuple[str, Heard]] = {}

    async def examine(self, brand: Brand) -> list[Check]:
        """Reachability without a key, then the key, then the limits."""
        name = brand.name
        if not (self._settings.provider(name).enabled and self._config.of(name).enabled):
            return [skip(name, f"switched off ({name.upper()}_ENABLED or config/providers.yaml)")]
        try:
            urls = self._urls(brand)
        except ValueError as exc:
            return [
                fail(f"{name} address", str(exc), then=f"correct {name.upper()}_BASE_URL, or leave it empty")
            ]
        checks = [await self._reach(name, setting, url) for setting, url in urls.items()]
        entry = self._registry.entry(name)
        if entry.provider is None:
            then = (
                f"set {name.upper()}_API_KEY, or {name.upper()}_ENABLED=false if you do not want this market"
            )
            return [*checks, fail(f"{name} key", entry.reason or "cannot be used", then=then)]
        with deadline(SystemClock(), _SECONDS):
            result = await check(entry.provider, force=True, clock=SystemClock())
        view = self._markets.guards[name].view()
        return [*checks, *self._key(brand, result, urls["BASE_URL"]), limits_check(name, view.limiter)]

    def judged(self, checks: list[Check]) -> list[Check]:
        """With the clock. A market without a key is a failure only where no market is usable."""
        usable = bool(self._registry) and any(
            each.what.endswith(" key") and each.state.value in {"ok", "warn"} for each in checks
        )
        softened = [
            warn(each.what, each.found, then=each.then or "", by_hand=each.by_hand)
            if usable and each.state.value == "fail" and each.found.startswith("no key")
            else each
            for each in checks
        ]
        return [*softened, self._clock()]

    async def _reach(self, name: str, setting: str, url: str) -> Check:
        heard = await asyncio.to_thread(ask, url)
        what = f"{name} address" if setting == "BASE_URL" else f"{name} address ({name.upper()}_{setting})"
        hand = by_hand.reach(url)
        if isinstance(heard, str):
            then = f"check the network, the proxy and {name.upper()}_{setting}"
            return fail(what, f"{url} cannot be reached: {heard}", then=then, by_hand=hand)
        self._heard.setdefault(name, (url, heard))
        return ok(what, f"{url} answers ({heard.status}) in {heard.ms:.0f} ms", by_hand=hand)

    def _key(self, brand: Brand, result: CheckResult, url: str) -> list[Check]:
        name = brand.name
        variable = f"{name.upper()}_API_KEY"
        what = f"{name} key"
        hand = by_hand.key(brand.by_hand, url, variable)
        if not result.ok:
            return [
                fail(
                    what,
                    f"{result.code or 'failed'}: {result.detail}",
                    then=_advice(result, variable),
                    by_hand=hand,
                )
            ]
        if not self._registry.get(name).capabilities.deploy:
            then = f"set {variable} to rent there as well"
            return [warn(what, "no key: offers can be read, nothing can be rented", then=then)]
        took = f"accepted in {result.response_ms or 0:.0f} ms"
        note = " (the emulator takes any key but `invalid`)" if self._settings.emulated else ""
        return [ok(what, took + note, by_hand=hand), *_credit(name, result)]

    def _clock(self) -> Check:
        skews = {
            name: (url, heard.skew_s)
            for name, (url, heard) in self._heard.items()
            if heard.skew_s is not None
        }
        if not skews:
            return skip("clock", "no market told its time")
        name, (url, skew) = max(skews.items(), key=lambda each: abs(each[1][1] or 0.0))
        return clock_check(name, url, skew or 0.0)

    def _urls(self, brand: Brand) -> Mapping[str, str]:
        """As the adapters are given them."""
        settings, market = self._settings, self._settings.provider(brand.name)
        found = {}
        for one in brand.addresses:
            given = market.urls.get(one.setting)
            if given is None and settings.emulated:
                given = f"{settings.emulator_url.rstrip('/')}/{brand.name}{one.emulated}"
            if given is None and one.setting == "BASE_URL":
                given = self._config.of(brand.name).api_url
            address = given or one.live
            if address is not None:
                found[one.setting] = one.normalise(address)
        return found


def clock_check(name: str, url: str, skew_s: float) -> Check:
    """Our clock against the one that differs most."""
    hand = by_hand.clock(url)
    ahead = "behind" if skew_s > 0 else "ahead of"
    limits = f"warning from {SKEW_WARN_S:g} s, failure from {SKEW_FAIL_S:g} s"
    found = f"this machine is {abs(skew_s):.0f} s {ahead} {name} ({urlsplit(url).hostname}); {limits}"
    then = "set the clock by NTP (timedatectl set-ntp true)"
    if abs(skew_s) >= SKEW_FAIL_S:
        return fail("clock", found, then=then, by_hand=hand)
    if abs(skew_s) >= SKEW_WARN_S:
        return warn("clock", found, then=then, by_hand=hand)
    return ok("clock", f"agrees with {name} to about {max(1, round(abs(skew_s)))} s; {limits}", by_hand=hand)


def _advice(result: CheckResult, variable: str) -> str:
    if result.code == "credential_refused":
        return f"check {variable}: the market refuses it, or it lacks a right"
    if result.code in {"provider_rate_limited", "rate_limit_exceeded"}:
        return "wait; the market limits us"
    return "try it by hand; if that works, look at Aurora's log"


def _credit(name: str, result: CheckResult) -> list[Check]:
    if result.credit_usd is None:
        return []
    found = f"${result.credit_usd:,.2f}"
    if result.credit_usd < LOW_CREDIT_USD:
        return [
            warn(f"{name} credit", found, then="add credit at the market: creates will be refused without")
        ]
    return [ok(f"{name} credit", found)]
