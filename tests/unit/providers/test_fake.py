"""The fake's own promises, beyond the provider contract."""

from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.domain.billing import BillingRule
from aurora.domain.errors import (
    InstanceNotFound,
    NotSupported,
    OfferGone,
    OutcomeUnknown,
    ProviderTimeout,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState
from aurora.domain.operation import Operation
from aurora.providers.base import Capabilities, Cursor
from aurora.providers.fake import FakeProvider, Pace
from aurora.providers.metrics import DirectGuard
from tests.unit.providers.loopback import START, SkippingClock, make_offer, make_spec


@pytest.fixture
def clock():
    return SkippingClock()


def fake(clock, **options):
    return FakeProvider(clock=clock, guard=DirectGuard(), offers=[make_offer()], **options)


async def test_an_instance_boots_by_the_clock(clock):
    provider = fake(clock, pace=Pace(boot_s=30))
    created = await provider.create(make_spec())

    assert (await provider.status(created.external_id)).state is InstanceState.STARTING
    assert (await provider.status(created.external_id)).endpoints == ()
    clock.elapsed = 30
    running = await provider.status(created.external_id)

    assert running.state is InstanceState.RUNNING
    assert [endpoint.port for endpoint in running.endpoints] == ["8080", "53/udp"]


async def test_the_list_lags_behind_but_the_status_does_not(clock):
    provider = fake(clock, pace=Pace(list_lag_s=10))
    created = await provider.create(make_spec())

    assert await provider.list_own() == ()
    assert (await provider.status(created.external_id)).name == make_spec().name
    clock.elapsed = 10
    assert len(await provider.list_own()) == 1


async def test_ending_takes_its_time_and_is_billed_to_the_end(clock):
    provider = fake(clock, pace=Pace(boot_s=0, end_s=60))
    created = await provider.create(make_spec(disk_gb=0))
    clock.elapsed = 3540
    await provider.terminate(created.external_id)

    assert (await provider.status(created.external_id)).state is InstanceState.ENDING
    clock.elapsed = 7200
    with pytest.raises(InstanceNotFound):
        await provider.status(created.external_id)
    assert provider.market.cost_usd() == Decimal("1.2")
    assert provider.market.ledger()[0].ended_at == START + timedelta(seconds=3600)


async def test_a_scripted_error_has_no_effect_and_is_used_up(clock):
    provider = fake(clock)
    provider.script.fail_next(Operation.CREATE, RateLimited("fake", "slow"), Unavailable("fake", "502"))

    for error in (RateLimited, Unavailable):
        with pytest.raises(error):
            await provider.create(make_spec())
    assert provider.market.live() == ()
    assert (await provider.create(make_spec())).external_id
    assert provider.count(Operation.CREATE) == 3


async def test_a_lost_answer_had_its_effect(clock):
    provider = fake(clock)
    provider.script.lose_next(Operation.CREATE)
    provider.script.lose_next(Operation.TERMINATE)

    with pytest.raises(OutcomeUnknown):
        await provider.create(make_spec())
    (external_id,) = provider.market.live()
    with pytest.raises(ProviderTimeout):
        await provider.terminate(external_id)
    assert provider.market.live() == ()


async def test_a_lasting_fault_lasts_until_it_is_healed(clock):
    provider = fake(clock)
    provider.script.fail_always(Operation.HEALTH, Unavailable("fake", "down"))

    for _ in range(3):
        with pytest.raises(Unavailable):
            await provider.health()
    provider.script.heal()

    assert (await provider.health()).ok


async def test_calls_are_recorded_with_their_subject_and_time(clock):
    provider = fake(clock)
    clock.elapsed = 5
    with pytest.raises(InstanceNotFound):
        await provider.status("9")

    assert [(call.operation, call.subject, call.at) for call in provider.calls] == [
        (Operation.STATUS, "9", START + timedelta(seconds=5))
    ]


async def test_latency_passes_on_the_injected_clock(clock):
    provider = fake(clock, pace=Pace(latency_s=0.25))

    report = await provider.health()

    assert clock.elapsed == 0.25
    assert report.response_ms == 250


async def test_an_offer_without_a_count_is_rented_once_and_comes_back(clock):
    provider = fake(clock)
    provider.market.put_offer(make_offer(available=None))
    created = await provider.create(make_spec())

    assert provider.market.offers() == ()
    await provider.terminate(created.external_id)
    assert len(provider.market.offers()) == 1


async def test_an_offer_with_a_count_is_rented_that_often(clock):
    provider = fake(clock)
    provider.market.put_offer(make_offer(available=2))
    await provider.create(make_spec())

    assert provider.market.offers()[0].available == 1
    await provider.create(make_spec())
    with pytest.raises(OfferGone):
        await provider.create(make_spec())


async def test_the_same_name_twice_is_two_machines_and_shows(clock):
    provider = fake(clock)
    provider.market.put_offer(make_offer(available=2))
    for _ in range(2):
        await provider.create(make_spec())

    assert provider.market.names() == {make_spec().name: ("1001", "1002")}


async def test_an_offer_can_be_repriced_and_withdrawn(clock):
    provider = fake(clock)
    provider.market.put_offer(make_offer(price_per_hour=Decimal(9)))

    assert (await provider.quote("77", gpu_count=1, disk_gb=0)).usd_per_hour == 9
    provider.market.remove_offer("77")
    with pytest.raises(OfferGone):
        await provider.quote("77", gpu_count=1, disk_gb=0)


async def test_states_can_be_forced_and_released(clock):
    provider = fake(clock, pace=Pace(boot_s=0))
    created = await provider.create(make_spec())

    provider.market.put(
        created.external_id, InstanceState.UNREACHABLE, message="lost", usd_per_hour=Decimal(3)
    )
    seen = await provider.status(created.external_id)
    assert (seen.state, seen.message, seen.usd_per_hour) == (InstanceState.UNREACHABLE, "lost", 3)

    provider.market.release(created.external_id)
    assert (await provider.status(created.external_id)).state is InstanceState.RUNNING


async def test_a_machine_that_vanishes_is_gone_and_no_longer_billed(clock):
    provider = fake(clock, pace=Pace(boot_s=0))
    created = await provider.create(make_spec(disk_gb=0))
    clock.elapsed = 3600
    provider.market.vanish(created.external_id)
    clock.elapsed = 7200

    with pytest.raises(InstanceNotFound):
        await provider.status(created.external_id)
    assert provider.market.cost_usd() == Decimal("1.2")


async def test_a_machine_that_failed_is_billed_no_further(clock):
    provider = fake(clock, pace=Pace(boot_s=0))
    created = await provider.create(make_spec(disk_gb=0))
    clock.elapsed = 3600
    provider.market.put(created.external_id, InstanceState.FAILED)
    clock.elapsed = 7200

    assert provider.market.cost_usd() == Decimal("1.2")


async def test_where_the_meter_starts_follows_the_billing_rule(clock):
    provider = fake(clock, pace=Pace(boot_s=1800), billing=BillingRule(from_creation=True))
    late = fake(clock, pace=Pace(boot_s=1800))
    for each in (provider, late):
        await each.create(make_spec(disk_gb=0))
    clock.elapsed = 3600

    assert provider.market.cost_usd() == Decimal("1.2")
    assert late.market.cost_usd() == Decimal("0.6")


async def test_pages_have_the_size_of_the_pace(clock):
    provider = fake(clock, pace=Pace(page_size=2))
    for n in range(4):
        provider.market.put_offer(make_offer(str(n)))

    first = await provider.offers_page(Cursor("all"))
    second = await provider.offers_page(first.next)
    third = await provider.offers_page(second.next)

    assert [len(page.offers) for page in (first, second, third)] == [2, 2, 1]
    assert third.next is None


async def test_without_the_capability_there_are_no_logs(clock):
    provider = fake(clock, capabilities=Capabilities(logs=False))
    created = await provider.create(make_spec())

    with pytest.raises(NotSupported):
        async for _ in provider.logs(created.external_id):
            pass
