"""A fault shows on the health page within a minute and leaves again; nothing known is lost; people are answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aurora.api.access import AccessPolicy
from aurora.api.app import create_app
from aurora.bootstrap.assembly import Aurora
from aurora.cli.surface import Surface
from aurora.domain.errors import ProviderError
from aurora.domain.operation import Operation
from aurora.worker.loops import work
from tests.faults.asgi import get
from tests.faults.kinds import FAULTS
from tests.faults.stack import VAST, Ground, Stack, patiently

SHOWN_WITHIN_S = 60.0
LEAVES_WITHIN_S = 300.0
"""The longest that a circuit may stay open."""
AS_SHIPPED = {
    "provider_max_retries": 3,
    "provider_retry_base_delay": 2,
    "provider_retry_max_delay": 32,
    "provider_retry_jitter": 1,
    "provider_circuit_breaker_timeout": 60,
    "vastai_sync_interval": 300,
    "offer_max_age": 900,
    "start_timeout": 900,
}
ENOUGH = 100
"""Outcomes that the window of the success rate holds."""


@asynccontextmanager
async def at_work(aurora: Aurora) -> AsyncIterator[None]:
    """All of Aurora's loops, after the first sync, with a long and good past."""
    loops = asyncio.create_task(work(aurora))
    try:
        while not aurora.sync_watch.all_ran(aurora.registry.names()):
            await aurora.clock.sleep(2)
        for _ in range(ENOUGH):
            await aurora.desk.check(VAST)
        yield
    finally:
        loops.cancel()
        await asyncio.gather(loops, return_exceptions=True)


async def shows(stack: Stack, *, well: bool, within: float) -> float:
    """Seconds until the page says so."""
    began = stack.clock.monotonic()

    async def said() -> bool:
        row = stack.aurora.desk.health()["providers"][VAST]
        return bool((row["status"] == "HEALTHY") is well)

    await stack.eventually(said, within=within)
    return stack.clock.monotonic() - began


@pytest.mark.parametrize("fault", ["401", "429 retry-after", "500", "hang", "reset", "html"])
def test_a_fault_shows_on_the_page_of_an_idle_installation_within_a_minute_and_leaves(fault, ground: Ground):
    async def play(stack: Stack) -> None:
        async with at_work(stack.aurora):
            await shows(stack, well=True, within=LEAVES_WITHIN_S)

            assert await stack.emulator.post({**FAULTS[fault], "operation": "*"}) == 201
            await shows(stack, well=False, within=SHOWN_WITHIN_S)

            assert stack.aurora.desk.health()["status"] in {"degraded", "unhealthy"}
            assert stack.aurora.desk.provider_health(VAST)["reason"]
            await stack.emulator.lift()
            await shows(stack, well=True, within=LEAVES_WITHIN_S)

    patiently(ground, play, reconciling=False, **AS_SHIPPED)


@pytest.mark.parametrize("fault", ["401", "429 retry-after", "500", "hang", "reset", "html"])
def test_a_fault_shows_within_a_minute_while_something_runs_and_leaves(fault, ground: Ground):
    async def play(stack: Stack) -> None:
        async with at_work(stack.aurora):
            deployment = await stack.deploy()
            await stack.until(deployment, "running")

            assert await stack.emulator.post({**FAULTS[fault], "operation": "*"}) == 201
            await shows(stack, well=False, within=SHOWN_WITHIN_S)
            await stack.emulator.lift()
            await shows(stack, well=True, within=LEAVES_WITHIN_S)

            await stack.until(deployment, "running")

    patiently(ground, play, reconciling=False, **AS_SHIPPED)


@pytest.mark.parametrize("fault", ["400", "402", "404", "429", "redirect"])
def test_a_refusal_is_told_by_kind_within_a_minute_although_the_market_is_up(fault, ground: Ground):
    async def play(stack: Stack) -> None:
        async with at_work(stack.aurora):
            assert await stack.emulator.post({**FAULTS[fault], "operation": "*"}) == 201

            async def told() -> bool:
                return bool(stack.aurora.desk.provider_health(VAST)["last_call_error"])

            await stack.eventually(told, within=SHOWN_WITHIN_S + 10)
            assert stack.aurora.desk.provider_health(VAST)["errors"]

    patiently(ground, play, reconciling=False, **AS_SHIPPED)


def test_people_are_answered_at_once_while_a_market_hangs(ground: Ground):
    async def play(stack: Stack) -> None:
        app = create_app(Surface.of(stack.aurora, AccessPolicy(live=False, host="127.0.0.1", admin_key=None)))
        async with at_work(stack.aurora):
            assert await stack.emulator.post({**FAULTS["hang"], "operation": "*"}) == 201
            began = stack.clock.monotonic()

            answers = {path: await get(app, path) for path in _PAGES}

            assert {path: status for path, (status, _) in answers.items()} == dict.fromkeys(_PAGES, 200)
            assert stack.clock.monotonic() - began < 1
            assert VAST in answers["/api/v1/provider-health/health"][1]["providers"]

    patiently(ground, play, reconciling=False, **AS_SHIPPED)


_PAGES = (
    "/health",
    "/ready",
    "/providers",
    "/offers",
    "/deployments",
    "/api/v1/provider-health/health",
    "/api/v1/provider-health/circuit-breakers",
    "/api/v1/provider-health/metrics/summary",
)


async def _ask_in_vain(stack: Stack, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ProviderError):
            await stack.aurora.registry.get(VAST).list_own()


def test_a_person_closes_the_circuit_and_calls_go_through_at_once(ground: Ground):
    async def play(stack: Stack) -> None:
        desk, market = stack.aurora.desk, stack.aurora.registry.get(VAST)
        assert await stack.emulator.post_fault("500", Operation.LIST) == 201
        await _ask_in_vain(stack, 4)
        assert desk.breakers()[VAST]["state"] == "OPEN"
        await stack.emulator.lift()

        after = await desk.reset(VAST, actor="ada")

        assert (after["state"], after["failure_count"]) == ("CLOSED", 0)
        assert (after["reset"]["by"], after["reset"]["recorded"]) == ("ada", True)
        assert list(await market.list_own()) == []
        assert desk.status(VAST).value != "UNAVAILABLE"

    patiently(ground, play, provider_circuit_breaker_timeout=10_000)


def test_a_circuit_opens_for_its_own_class_of_calls_only(ground: Ground):
    async def play(stack: Stack) -> None:
        assert await stack.emulator.post_fault("500", Operation.OFFERS) == 201
        await stack.aurora.sync.run(VAST)

        states = {name: row["state"] for name, row in stack.aurora.desk.breakers()[VAST]["classes"].items()}

        assert states == {"read": "OPEN", "create": "CLOSED", "control": "CLOSED"}
        assert list(await stack.aurora.registry.get(VAST).list_own()) == []

    patiently(ground, play, provider_circuit_breaker_timeout=10_000)


def _quota(stack: Stack, seconds: float) -> dict[str, Any]:
    resets = int(stack.clock.now().timestamp() + seconds)
    return {
        "kind": "status",
        "operation": "offers",
        "code": 429,
        "body": {"error": "search_quota_exceeded", "msg": "Daily search quota used up"},
        "headers": {"X-RateLimit-Reset": str(resets)},
    }


def test_a_dated_quota_pause_survives_a_restart_and_a_reset_by_hand(ground: Ground):
    async def play(stack: Stack) -> None:
        file, emulator, clock = stack.file, stack.emulator, stack.clock
        assert await emulator.post(_quota(stack, 10_000)) == 201
        await stack.aurora.sync.run(VAST)
        held = stack.aurora.desk.provider_health(VAST)["pauses"]
        await stack.aurora.recorder.tick()
        await emulator.lift()
        await stack.leave()

        async with ground.aurora(file, emulator, clock) as again:
            desk = again.aurora.desk
            before = (await emulator.calls())["offers"]
            await desk.reset(VAST, actor="ada")
            report = await again.aurora.sync.run(VAST)

            pauses = desk.provider_health(VAST)["pauses"]
            assert [(one["dated"], one["until"]) for one in pauses] == [(True, held[0]["until"])]
            assert (report.outcome, (await emulator.calls())["offers"]) == ("failed", before)
            assert desk.status(VAST).value == "DEGRADED"
            assert "quota" in desk.provider_health(VAST)["reason"]

    patiently(ground, play)


def test_a_dated_quota_pause_ends_at_its_date(ground: Ground):
    async def play(stack: Stack) -> None:
        assert await stack.emulator.post(_quota(stack, 60)) == 201
        await stack.aurora.sync.run(VAST)
        await stack.emulator.lift()
        assert stack.aurora.desk.status(VAST).value == "DEGRADED"

        async def over() -> bool:
            return not stack.aurora.desk.provider_health(VAST)["pauses"]

        await stack.eventually(over, within=120)
        assert (await stack.aurora.sync.run(VAST)).outcome == "ok"

    patiently(ground, play)


@pytest.mark.parametrize("fault", ["500", "empty_list", "garbage_type items", "400"])
def test_offers_known_before_stay_with_their_age(fault, ground: Ground):
    async def play(stack: Stack) -> None:
        catalogue, desk = stack.aurora.catalogue, stack.aurora.desk
        before = {offer.id: offer.seen_at for offer in catalogue.offers()}
        age = catalogue.state(VAST).data_age_s
        assert age is not None
        await stack.clock.sleep(1)
        assert await stack.emulator.post_fault(fault, Operation.OFFERS) == 201

        await stack.aurora.sync.run(VAST)

        assert {offer.id: offer.seen_at for offer in catalogue.offers()} == before
        shown = desk.provider_health(VAST)
        assert shown["offers"] == len(before)
        assert shown["data_age_s"] > age
        assert shown["last_error"]

    patiently(ground, play)


def test_offers_that_grow_too_old_make_the_provider_degraded(ground: Ground):
    async def play(stack: Stack) -> None:
        assert await stack.emulator.post_fault("400", Operation.OFFERS) == 201
        await stack.aurora.sync.run(VAST)

        # the offers of this stack were read half an hour ago
        assert stack.aurora.desk.status(VAST).value == "DEGRADED"
        assert "s old" in stack.aurora.desk.provider_health(VAST)["reason"]
        await stack.emulator.lift()
        await stack.aurora.sync.run(VAST)
        assert stack.aurora.desk.status(VAST).value == "HEALTHY"

    patiently(ground, play, vastai_sync_interval=300)
