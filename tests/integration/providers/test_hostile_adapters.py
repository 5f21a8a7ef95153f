"""Every adapter against a market whose answers want to lead us elsewhere: a canary beside it must not be touched."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from aurora.bootstrap import Aurora, running
from aurora.domain.clock import SystemClock
from aurora.domain.errors import ProviderError
from aurora.domain.offer import Offer
from aurora.emulators.options import EmulatorOptions
from aurora.emulators.server import build_app
from aurora.providers.base import Cursor, SupportsPrepay, SupportsSteps
from aurora.settings import PROVIDERS, load_settings
from tests.databases import Databases
from tests.integration.providers.test_hostile_answers import raw
from tests.unit.providers.loopback import make_spec

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SPEC = {"ports": ("8080",), "command": (), "disk_gb": 10.0}
IDS = {
    *("id", "uuid", "job_uuid", "dseq", "name", "label", "hardware_id", "deployment_id", "container_id"),
    *("new_contract", "next_cursor", "next_token", "next_key", "owner", "provider", "instance_id"),
}
"""Names of what goes into paths and queries of later requests."""
LINKS = (
    "next",
    "next_url",
    "href",
    "url",
    "redirect",
    "location",
    "Location",
    "result_url",
    "links",
    "endpoint",
)


@dataclass
class Hostile:
    """Spoils what the emulators answer, once it is told how."""

    spoil: Callable[[Any], Any] | None = None
    redirect_to: str | None = None
    targets: list[str] = field(default_factory=list)
    """What was asked for, as it stood in the request line."""

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.targets.append(request.raw_path)
        if self.redirect_to is not None:
            return web.Response(status=307, headers={"Location": self.redirect_to})
        answer = await handler(request)
        if self.spoil is None or not isinstance(answer, web.Response) or not answer.body:
            return answer
        try:
            told = json.loads(answer.body)  # type: ignore[arg-type]
        except ValueError:
            return answer
        return web.json_response(self.spoil(told), status=answer.status)


def leading_to(url: str) -> Callable[[Any], Any]:
    """Every address in the answer, and every name that somebody could take for one, leads to the canary."""

    def spoilt(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            links = {link: {"next": {"href": url}} if link == "links" else url for link in LINKS}
            return {**links, **{key: spoilt(each, key) for key, each in value.items()}}
        if isinstance(value, list):
            return [spoilt(each, name) for each in value]
        is_address = isinstance(value, str) and ("://" in value or "host" in name or "domain" in name)
        return url if is_address else value

    return spoilt


def with_ids(hostile: str) -> Callable[[Any], Any]:
    """Every id in the answer is one that would change the address if it came into it as it is."""

    def spoilt(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: spoilt(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [spoilt(each, name) for each in value]
        return hostile if name in IDS and value is not None else value

    return spoilt


@asynccontextmanager
async def seven(hostile: Hostile, database_url: str, **chosen: Any) -> AsyncIterator[Aurora]:
    """All markets, unmetered, behind the spoiler."""
    app = build_app(EmulatorOptions(offers=100, state_speed=10_000))
    app.middlewares.append(hostile.middleware)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        rates = {f"{name}_rate_limit": 1_000_000 for name in PROVIDERS}
        settings = load_settings(
            None,
            database_url=database_url,
            emulator_url=url,
            provider_max_retries=0,
            provider_circuit_breaker_threshold=10_000,
            **rates,
            **chosen,
        )
        async with running(settings, clock=SystemClock()) as aurora:
            await aurora.follow_emulator()
            yield aurora
    finally:
        await runner.cleanup()


async def bought(provider: Any) -> str:
    """One instance, from an honest market."""
    for key in await provider.catalogue_slices():
        page = await provider.offers_page(Cursor(key))
        for offer in page.offers:
            spec = make_spec(
                offer.external_id,
                name=f"aurora-hostil-{provider.name}-1",
                gpu_count=offer.gpu_count,
                ceiling_usd_per_hour=Decimal(1000),
                **SPEC,
            )
            with suppress(ProviderError):
                return str((await provider.create(spec)).external_id)
    raise AssertionError(f"{provider.name} sold nothing")


class Customer:
    """Does everything that can be done at a market; what comes of it does not matter here."""

    def __init__(self, provider: Any, instance: str) -> None:
        self._provider = provider
        self._instance = instance

    async def visit(self) -> None:
        for step in self._steps():
            with suppress(ProviderError):
                await step()

    def _steps(self) -> list[Callable[[], Awaitable[Any]]]:
        provider, instance = self._provider, self._instance
        steps: list[Callable[[], Awaitable[Any]]] = [
            lambda: provider.status(instance),
            provider.list_own,
            lambda: self._read(provider.logs(instance, tail=10)),
            lambda: self._read(provider.logs(instance, tail=10, follow=True)),
            provider.health,
            self._browse,
            lambda: provider.terminate(instance),
        ]
        if isinstance(provider, SupportsSteps):
            spec = make_spec("x", name="aurora-hostil-2-1", **SPEC)
            steps.insert(0, lambda: provider.advance(instance, spec))
        if isinstance(provider, SupportsPrepay):
            steps.insert(0, lambda: provider.extend(instance, seconds=60))
        return steps

    async def _read(self, lines: AsyncIterator[Any]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                async for _ in lines:
                    pass

    async def _browse(self) -> None:
        for key in list(await self._provider.catalogue_slices())[:2]:
            cursor: Cursor | None = Cursor(key)
            for _ in range(2):
                if cursor is not None:
                    page = await self._provider.offers_page(cursor)
                    cursor = page.next
                    await self._buy(page.offers[:1])

    async def _buy(self, offers: Sequence[Offer]) -> None:
        for offer in offers:
            with suppress(ProviderError):
                await self._provider.quote(offer.external_id, gpu_count=offer.gpu_count, disk_gb=10)
            spec = make_spec(offer.external_id, name="aurora-hostil-2-1", **SPEC)
            with suppress(ProviderError):
                await self._provider.create(spec)


MODES: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "links": lambda port: {"spoil": leading_to(f"http://127.0.0.1:{port}/steal")},
    "secure-links": lambda port: {"spoil": leading_to(f"https://localhost:{port}/steal")},
    "ids": lambda port: {"spoil": with_ids(f"@127.0.0.1:{port}/../..//127.0.0.1:{port}/?owner=other#")},
    "dots": lambda port: {"spoil": with_ids(f"../../../../_emulator/{port}")},
    "redirects": lambda port: {"redirect_to": f"http://127.0.0.1:{port}/steal"},
}


@pytest.mark.parametrize("render", [{}, {"render_secret_key": "emulated"}], ids=["gateway", "dispersed"])
async def test_no_answer_of_any_market_leads_us_to_another_host(render, databases: Databases, tmp_path):
    """`render` speaks two languages; the other markets come along once."""
    hostile = Hostile()
    names = ("render",) if render else PROVIDERS
    url = await databases.sqlite_url(tmp_path / "aurora.db")
    async with raw() as canary, seven(hostile, url, **render) as aurora:
        for name in names:
            provider = aurora.registry.get(name)
            instance = await bought(provider)
            for mode, made in MODES.items():
                for setting, value in made(canary.port).items():
                    setattr(hostile, setting, value)
                hostile.targets.clear()

                await Customer(provider, instance).visit()

                hostile.spoil = hostile.redirect_to = None
                assert canary.connections == 0, (name, mode)
                assert hostile.targets, (name, mode)
                strange = [
                    each for each in hostile.targets if not each.startswith(f"/{name}/") or "/../" in each
                ]
                assert not strange, (name, mode)
