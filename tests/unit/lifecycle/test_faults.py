"""What goes wrong at markets, and what comes of it. The ledger of the fake is the truth."""

from decimal import Decimal

import pytest

from aurora.domain.errors import (
    CircuitBreakerOpen,
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    NoCapacity,
    NotSent,
    OfferGone,
    PaymentRequired,
    ProviderTimeout,
    RateLimited,
    RateLimitExceeded,
    Unavailable,
)
from aurora.domain.instance import InstanceState
from aurora.domain.operation import Operation
from aurora.domain.request import OnInterruption
from aurora.providers.fake.market import Pace
from tests.unit.lifecycle.world import CALLER, offer, setting

TWO = [offer("1", usd="1.00"), offer("2", usd="1.10"), offer("9", provider="spare", usd="2.00")]


@pytest.mark.parametrize(
    ("error", "second"),
    [
        (OfferGone("fake", "taken"), "fake:2"),
        (NoCapacity("fake", "none left"), "fake:2"),
        (InvalidProviderRequest("fake", "disk too big"), "spare:9"),
        (PaymentRequired("fake", "no credit"), "spare:9"),
        (CredentialRefused("fake", "bad key"), "spare:9"),
        (NotSent("fake", "connection refused"), "spare:9"),
        (CircuitBreakerOpen("fake", "open", retry_after=60), "spare:9"),
    ],
)
async def test_a_definite_refusal_goes_to_the_next_candidate(database, error, second):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        stage.providers["fake"].script.fail_next(Operation.CREATE, error)
        deployment = await world.deploy()

        running = await world.until(deployment, "running")

        assert [attempt.offer_id for attempt in running.attempts] == ["fake:1", second]
        assert running.attempts[0].end_reason == error.code
        assert sum(len(one.market.live()) for one in stage.providers.values()) == 1


@pytest.mark.parametrize(
    "error",
    [RateLimited("fake", "slow down", retry_after=5), RateLimitExceeded("fake", "full", retry_after=5)],
)
async def test_a_rate_limit_is_waited_for_and_the_same_attempt_goes_on(database, error):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        stage.providers["fake"].script.fail_next(Operation.CREATE, error)
        deployment = await world.deploy()

        running = await world.until(deployment, "running")

        assert len(running.attempts) == 1
        assert stage.providers["fake"].count(Operation.CREATE) == 2


async def test_an_unreachable_provider_without_alternative_is_waited_for(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        script = stage.providers["fake"].script
        script.fail_always(Operation.QUOTE, NotSent("fake", "connection refused"))
        deployment = await world.deploy()
        for _ in range(20):
            await world.step()
        waiting = await world.view(deployment)
        assert (waiting.deployment.status, waiting.deployment.phase) == ("provisioning", "waiting")

        script.heal()
        running = await world.until(deployment, "running")
        assert len(running.attempts) == 1


async def test_an_unreachable_provider_without_alternative_fails_after_patience_with_nothing_rented(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        stage.providers["fake"].script.fail_always(Operation.QUOTE, NotSent("fake", "connection refused"))
        deployment = await world.deploy()

        failed = await world.until(deployment, "failed", within=300)

        assert failed.deployment.end_reason == "no_candidates"
        assert "connection refused" in failed.deployment.reason
        assert stage.providers["fake"].count(Operation.CREATE) == 0
        assert {hold.reason for hold in world.overlay.present(stage.clock.now())} <= {"refused"}


async def test_a_lost_answer_is_settled_by_name_and_nothing_is_created_twice(database):
    async with setting(database, offers=TWO, pace=Pace(list_lag_s=30)) as stage:
        world = await stage.boot()
        stage.providers["fake"].script.lose_next(Operation.CREATE)
        deployment = await world.deploy()

        running = await world.until(deployment, "running")

        assert len(running.attempts) == 1
        assert stage.providers["fake"].market.names() == {running.current.name: ("1001",)}
        assert "adopted" in await world.kinds(deployment)


async def test_an_unknown_create_that_never_happened_goes_to_the_next_candidate_after_the_list_has_settled(
    database,
):
    async with setting(database, offers=TWO, pace=Pace(list_lag_s=30)) as stage:
        world = await stage.boot()
        stage.providers["fake"].script.fail_next(Operation.CREATE, ProviderTimeout("fake", "no answer"))
        deployment = await world.deploy()

        running = await world.until(deployment, "running")

        assert [attempt.end_reason for attempt in running.attempts] == ["not_created", None]
        assert (running.attempts[1].intent_at - running.attempts[0].sent_at).total_seconds() > 30
        assert sum(len(one.market.live()) for one in stage.providers.values()) == 1


async def test_an_unreachable_list_keeps_an_unknown_create_open(database):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        fake.script.lose_next(Operation.CREATE)
        fake.script.fail_always(Operation.LIST, Unavailable("fake", "503"))
        deployment = await world.deploy()
        for _ in range(200):
            await world.step()
        waiting = await world.view(deployment)
        assert (waiting.deployment.status, waiting.deployment.phase) == ("provisioning", "settling")
        assert len(waiting.attempts) == 1

        fake.script.heal()
        running = await world.until(deployment, "running")
        assert fake.market.live() == (running.current.external_id,)


async def test_delete_while_a_create_is_unknown_finds_the_instance_and_ends_it(database):
    async with setting(database, offers=[offer("1")], pace=Pace(list_lag_s=30)) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        fake.script.lose_next(Operation.CREATE)
        deployment = await world.deploy()
        await world.step()
        await world.desk.terminate(deployment, caller=CALLER)

        ended = await world.until(deployment, "terminated")

        assert ended.deployment.end_reason == "user"
        assert fake.market.live() == ()
        assert fake.count(Operation.CREATE) == 1


async def test_delete_before_anything_was_sent_sends_nothing(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        deployment = await world.deploy()
        await world.desk.terminate(deployment, caller=CALLER)

        await world.until(deployment, "terminated")

        assert stage.providers["fake"].count(Operation.CREATE) == 0
        assert world.overlay.present(stage.clock.now()) == ()


async def test_a_failed_start_is_destroyed_and_the_next_candidate_taken(database):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        deployment = await world.deploy()
        await world.step()
        fake.market.put("1001", InstanceState.FAILED, message="OCI runtime error")

        running = await world.until(deployment, "running")

        assert running.attempts[0].end_reason == "start_failed"
        assert len(running.attempts) == 2
        for _ in range(5):
            await world.step()
        assert sum(len(one.market.live()) for one in stage.providers.values()) == 1


async def test_an_instance_that_never_starts_is_destroyed_after_the_start_timeout(database):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        deployment = await world.deploy()
        await world.step()
        stage.providers["fake"].market.put("1001", InstanceState.STARTING)

        running = await world.until(deployment, "running", within=1200, every=5)

        assert running.attempts[0].end_reason == "start_timeout"
        assert "1001" not in stage.providers["fake"].market.live()


async def test_a_price_above_the_ceiling_at_quote_is_never_bought(database):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        deployment = await world.deploy()
        stage.providers["fake"].market.put_offer(offer("1", usd="9.00"))

        running = await world.until(deployment, "running")

        assert running.attempts[0].end_reason == "price_above_ceiling"
        assert running.current.offer_id != "fake:1"


async def test_a_charge_above_the_ceiling_ends_the_instance_at_once(database):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        deployment = await world.deploy()
        await world.step()
        fake.market.put("1001", InstanceState.RUNNING, usd_per_hour=Decimal("3.50"))

        running = await world.until(deployment, "running")
        for _ in range(5):
            await world.step()

        assert running.attempts[0].end_reason == "price_above_ceiling"
        assert "1001" not in fake.market.live()


async def test_unreachable_is_lost_not_failed_and_comes_back(database):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        deployment = await world.deploy()
        await world.until(deployment, "running")
        fake.script.fail_always(Operation.STATUS, Unavailable("fake", "502"))

        lost = await world.until(deployment, "lost")
        cost_when_lost = lost.deployment.cost_usd
        for _ in range(60):
            await world.step(10)
        still = await world.view(deployment)

        assert still.deployment.status == "lost"
        assert still.deployment.cost_usd > cost_when_lost
        assert fake.count(Operation.CREATE) == 1
        assert fake.count(Operation.TERMINATE) == 0
        fake.script.heal()
        await world.until(deployment, "running")


@pytest.mark.parametrize("state", [InstanceState.UNREACHABLE, InstanceState.UNKNOWN])
async def test_a_status_that_cannot_be_trusted_is_lost(database, state):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        deployment = await world.deploy()
        await world.until(deployment, "running")
        stage.providers["fake"].market.put("1001", state, raw_state="offline")

        lost = await world.until(deployment, "lost")

        assert "offline" in lost.deployment.reason
        stage.providers["fake"].market.release("1001")
        await world.until(deployment, "running")


async def test_delete_and_the_time_limit_go_on_while_lost(database):
    async with setting(database, offers=[offer("1"), offer("2")]) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        by_hand = await world.deploy()
        by_time = await world.deploy(gpu_hours=Decimal("0.25"))
        await world.until(by_hand, "running")
        await world.until(by_time, "running")
        fake.script.fail_always(Operation.STATUS, Unavailable("fake", "502"))
        await world.until(by_hand, "lost")
        await world.desk.terminate(by_hand, caller=CALLER)
        for _ in range(100):
            await world.step(10)

        assert (await world.view(by_hand)).deployment.status == "terminating"
        assert (await world.view(by_time)).deployment.status == "terminating"
        assert fake.market.live() == ()
        fake.script.heal()
        await world.until(by_hand, "terminated")
        assert (await world.until(by_time, "terminated")).deployment.end_reason == "duration_reached"


async def test_a_vanished_instance_fails_only_after_a_second_look(database):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        deployment = await world.deploy()
        await world.until(deployment, "running")
        fake.market.vanish("1001")

        failed = await world.until(deployment, "failed")

        assert failed.deployment.end_reason == "vanished"
        assert fake.count(Operation.CREATE) == 1


async def test_an_instance_that_the_list_still_shows_is_lost_not_vanished_whatever_its_status_says(database):
    async with setting(database, offers=TWO) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        deployment = await world.deploy()
        await world.until(deployment, "running")
        fake.script.fail_always(Operation.STATUS, InstanceNotFound("fake", "no such instance"))

        await world.until(deployment, "lost")

        fake.script.heal()
        await world.until(deployment, "running")
        assert fake.count(Operation.CREATE) == 1


async def test_an_interrupted_instance_is_replaced_or_fails_as_asked(database):
    async with setting(database, offers=[*TWO, offer("3")]) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        replaced = await world.deploy()
        failing = await world.deploy(on_interruption=OnInterruption.FAIL)
        await world.until(replaced, "running")
        await world.until(failing, "running")
        for one in (replaced, failing):
            fake.market.put(
                (await world.view(one)).current.external_id, InstanceState.STOPPED, message="outbid"
            )

        failed = await world.until(failing, "failed")
        while len((await world.view(replaced)).attempts) < 2:
            await world.step()
        running = await world.until(replaced, "running")

        assert failed.deployment.end_reason == "interrupted"
        assert running.attempts[0].end_reason == "interrupted"
        for _ in range(5):
            await world.step()
        assert sum(len(one.market.live()) for one in stage.providers.values()) == 1


async def test_a_delete_that_does_nothing_is_repeated_for_ever_and_cost_goes_on(database):
    async with setting(database, offers=[offer("1")], pace=Pace(end_s=10_000)) as stage:
        world = await stage.boot()
        deployment = await world.deploy()
        await world.until(deployment, "running")
        await world.desk.terminate(deployment, caller=CALLER)
        await world.step()
        early = (await world.view(deployment)).deployment.cost_usd
        for _ in range(60):
            await world.step(30)
        late = await world.view(deployment)

        assert late.deployment.status == "terminating"
        assert late.deployment.cost_usd > early
        assert stage.providers["fake"].count(Operation.TERMINATE) > 10
        assert "terminate_unconfirmed" in await world.kinds(deployment)
        await world.until(deployment, "terminated", within=20_000, every=60)


async def test_attempts_are_bounded_and_the_reason_says_what_happened(database):
    many = [offer(str(number), usd=f"1.{number}") for number in range(6)]
    async with setting(database, offers=many) as stage:
        world = await stage.boot()
        stage.providers["fake"].script.fail_always(Operation.CREATE, OfferGone("fake", "taken"))
        deployment = await world.deploy(max_attempts=3)

        failed = await world.until(deployment, "failed")

        assert failed.deployment.end_reason == "attempts_exhausted"
        assert "taken" in failed.deployment.reason
        assert stage.providers["fake"].count(Operation.CREATE) == 3
        assert [hold for hold in world.overlay.present(stage.clock.now()) if hold.reason == "attempt"] == []
