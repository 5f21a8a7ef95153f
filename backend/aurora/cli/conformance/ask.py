"""One market, connected as `aurora serve` would connect it, and looked at through a guard that lets no write pass."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from aurora.bootstrap.emulator import emulator_limits
from aurora.bootstrap.files import Files
from aurora.bootstrap.markets import MarketParts, Markets
from aurora.cli.exits import CliError, ExitCode, Unreachable
from aurora.cli.screen import Tell
from aurora.conformance.examine import Subject, examine
from aurora.conformance.report import Report
from aurora.conformance.watch import Watch
from aurora.domain.clock import SystemClock
from aurora.domain.errors import NotFound
from aurora.domain.gpu_table import GpuTable
from aurora.domain.health import ProviderStatus
from aurora.domain.region import RegionTable
from aurora.emulators.invented import GPUS
from aurora.providers.base import Provider
from aurora.providers.registry import ProviderRegistry
from aurora.resilience.events import Hooks
from aurora.services.config_section import ConfigError
from aurora.settings import PROVIDERS, Mode, Settings, SettingsError, load_settings

FEW = 5
"""Slices of the catalogue that are read unless all are asked for: Vast.ai's all would take an hour and its quota."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the user asked for. `live`: the real account, whatever AURORA_MODE says."""

    name: str
    live: bool
    everything: bool
    env_file: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The report, and where it was made."""

    report: Report
    emulated: bool


def ask(question: Question, *, tell: Tell) -> Answer:
    """Raises CliError for a market that is not there, has no key, or does not answer."""
    if question.name not in PROVIDERS:
        raise CliError(
            ExitCode.USAGE, f"no provider is called {question.name!r}", then=f"one of {', '.join(PROVIDERS)}"
        )
    try:
        settings = _settings(question)
        files = Files.load(Path(settings.config_dir))
        return asyncio.run(_ask(question, settings, files, tell=tell))
    except (SettingsError, ConfigError) as exc:
        raise CliError(
            ExitCode.USAGE, str(exc), then="correct that setting; .env.example lists all"
        ) from None


def _settings(question: Question) -> Settings:
    settings = load_settings(question.env_file)
    # Copied, not loaded again as live: SECRET_KEY, which that needs, seals what is stored, and nothing is stored here.
    return settings.model_copy(update={"aurora_mode": Mode.LIVE}) if question.live else settings


async def _ask(question: Question, settings: Settings, files: Files, *, tell: Tell) -> Answer:
    name, clock = question.name, SystemClock()
    watch = Watch(clock)
    parts = MarketParts(
        settings=settings,
        config=files.providers,
        gpus=GpuTable.load(),
        regions=RegionTable.load(),
        clock=clock,
        hooks=Hooks([]),
        watch=watch,
    )
    registry = ProviderRegistry()
    markets = Markets(parts, registry)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(markets.aclose)
        stack.push_async_callback(registry.aclose)
        markets.register_all(lambda _: ProviderStatus.HEALTHY, limits="real")
        limits = await emulator_limits(settings.emulator_url) if settings.emulated else None
        if limits is not None:
            markets.follow(limits)
        keyless = name not in markets.keys
        if keyless and not settings.emulated:
            raise CliError(
                ExitCode.REFUSED,
                f"{name}: no key is set, so there is no account to look at",
                then=f"set {_missing(markets, name)}",
            )
        subject = Subject(
            provider=_provider(markets, name),
            watch=watch,
            absent_id=markets.brand(name).absent_id,
            slices=None if question.everything else FEW,
            keyless=keyless,
            invented=GPUS if settings.emulated else (),
        )
        report = await examine(subject, tell=tell)
    return _reached(Answer(report, settings.emulated), settings)


def _missing(markets: Markets, name: str) -> str:
    """The settings without which there is no account."""
    nowhere = any(one.live is None for one in markets.brand(name).addresses)
    return f"{name.upper()}_BASE_URL and {name.upper()}_API_KEY" if nowhere else f"{name.upper()}_API_KEY"


def _provider(markets: Markets, name: str) -> Provider:
    """Also one that is switched off. Raises CliError with the reason for which it cannot be made."""
    try:
        return markets.get(name)
    except NotFound as exc:
        raise CliError(
            ExitCode.USAGE, exc.detail, then="docs/providers.md says what this market needs"
        ) from None


def _reached(answer: Answer, settings: Settings) -> Answer:
    """Raises Unreachable when nobody answered at all."""
    if answer.report.reached:
        return answer
    (silence,) = (each for each in answer.report.findings if each.rule == "reachable")
    name = answer.report.market
    if answer.emulated:
        then = f"start the emulators (`aurora emulate`); they are looked for at {settings.emulator_url}"
    else:
        then = f"check the network and {name.upper()}_BASE_URL, or try again later"
    raise Unreachable(f"{name}: {silence.seen}", then=then)
