"""The whole market is at fault, or the one operation by which an end is seen: what runs is kept, what must end ends."""

import asyncio
from contextlib import suppress

import pytest

from aurora.domain.operation import Operation
from aurora.resilience.events import BreakerRefused, CallFinished, Event
from tests.faults.kinds import FAULTS
from tests.faults.scenes import Scene, finish
from tests.faults.stack import CALLER, VAST, Ground, Stack, patiently

DOWN = ("401", "429 retry-after", "500", "503 retry-after", "hang", "reset", "html", "slow_drip", "redirect")
MOST_LOOKS = 30
"""In a minute."""
BLIND = ("400", "403", "404", "429", "500", "hang", "truncate", "missing_field", "oversize")


@pytest.mark.parametrize("fault", DOWN)
def test_nothing_is_lost_while_a_whole_market_is_at_fault(fault: str, ground: Ground):
    async def play(stack: Stack) -> None:
        deployment = await stack.deploy()
        await stack.until(deployment, "running")
        known = {offer.id for offer in stack.aurora.catalogue.offers()}
        assert await stack.emulator.post({**FAULTS[fault], "operation": "*"}) == 201

        report = await stack.aurora.sync.run(VAST)
        await stack.until(deployment, "lost")
        await Scene(stack, Operation.STATUS, fault).answers()

        assert report.outcome in {"failed", "partial"}  # an answer of a few bytes comes through a drip
        assert {offer.id for offer in stack.aurora.catalogue.offers()} == known
        assert len(await stack.emulator.living()) == 1
        await stack.emulator.lift()
        await stack.until(deployment, "running")
        assert len((await finish(stack, deployment)).attempts) == 1
        assert (await stack.emulator.calls())["create"] == 1

    patiently(ground, play)


@pytest.mark.parametrize("fault", ["500", "hang", "reset", "401"])
def test_a_delete_while_a_whole_market_is_down_is_carried_out_when_it_is_back(fault: str, ground: Ground):
    async def play(stack: Stack) -> None:
        deployment = await stack.deploy()
        await stack.until(deployment, "running")
        assert await stack.emulator.post({**FAULTS[fault], "operation": "*"}) == 201

        await stack.aurora.deployments.terminate(deployment, caller=CALLER)
        await stack.clock.sleep(120)

        assert await stack.status(deployment) == "terminating"
        assert len(await stack.emulator.living()) == 1
        await stack.emulator.lift()
        await stack.until(deployment, "terminated")
        assert await stack.emulator.living() == []

    patiently(ground, play)


@pytest.mark.parametrize("fault", BLIND)
def test_a_delete_reaches_the_market_although_nobody_can_see_what_it_does(fault: str, ground: Ground):
    async def play(stack: Stack) -> None:
        deployment = await stack.deploy()
        await stack.until(deployment, "running")
        assert await stack.emulator.post_fault(fault, Operation.STATUS) == 201

        await stack.aurora.deployments.terminate(deployment, caller=CALLER)

        async def destroyed() -> bool:
            return not await stack.emulator.living()

        await stack.eventually(destroyed, within=150)
        assert await stack.status(deployment) == "terminating"
        await stack.emulator.lift()
        await stack.until(deployment, "terminated")

    patiently(ground, play)


@pytest.mark.parametrize("fault", ["500", "hang", "reset"])
def test_a_delete_is_sent_although_looking_has_long_been_impossible(fault: str, ground: Ground):
    """Looks that fail must not keep the destroy waiting behind their circuit for long."""

    async def play(stack: Stack) -> None:
        deployment = await stack.deploy()
        await stack.until(deployment, "running")
        assert await stack.emulator.post_fault(fault, Operation.STATUS) == 201
        await stack.until(deployment, "lost")

        await stack.aurora.deployments.terminate(deployment, caller=CALLER)

        async def destroyed() -> bool:
            return not await stack.emulator.living()

        await stack.eventually(destroyed, within=150)
        await stack.emulator.lift()
        await stack.until(deployment, "terminated")

    patiently(ground, play)


def test_an_unknown_create_that_must_end_is_looked_for_at_leisure(ground: Ground):
    """A DELETE while nobody can look must not make the reconciler run in circles."""

    async def play(stack: Stack) -> None:
        assert await stack.emulator.post_fault("lost_response", Operation.CREATE, count=1) == 201
        assert await stack.emulator.post_fault("500", Operation.LIST) == 201
        deployment = await stack.deploy()

        async def settling() -> bool:
            return (await stack.view(deployment)).deployment.phase == "settling"

        await stack.eventually(settling)
        looks, hurried = 0, asyncio.Event()

        def look(event: Event) -> None:
            nonlocal looks
            looks += isinstance(event, CallFinished | BreakerRefused) and event.operation is Operation.LIST
            if looks > MOST_LOOKS:
                hurried.set()

        stack.aurora.hooks.add(look)
        await stack.aurora.deployments.terminate(deployment, caller=CALLER)

        with suppress(TimeoutError):
            await asyncio.wait_for(hurried.wait(), 60)
        assert looks <= MOST_LOOKS
        await stack.emulator.lift()
        await stack.until(deployment, "terminated")
        assert await stack.emulator.living() == []

    patiently(ground, play)


def test_one_failed_start_costs_one_attempt(ground: Ground):
    async def play(stack: Stack) -> None:
        assert await stack.emulator.post_fault("start_failure", Operation.CREATE, count=1) == 201

        deployment = await stack.deploy()
        view = await stack.until(deployment, "running")

        assert [one.end_reason for one in view.attempts] == ["start_failed", None]
        assert len(await stack.emulator.living()) <= 2
        await finish(stack, deployment)

    patiently(ground, play)


def test_what_is_charged_beside_the_quote_is_read_back_and_counted(ground: Ground):
    async def play(stack: Stack) -> None:
        assert await stack.emulator.post_fault("charge_factor below the ceiling", Operation.CREATE) == 201

        deployment = await stack.deploy()
        attempt = (await stack.until(deployment, "running")).attempts[0]

        assert attempt.quoted_usd_per_hour is not None
        assert attempt.charged_usd_per_hour is not None
        assert float(attempt.charged_usd_per_hour / attempt.quoted_usd_per_hour) == pytest.approx(
            1.5, abs=0.01
        )
        await finish(stack, deployment)

    patiently(ground, play)
