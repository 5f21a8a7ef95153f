"""The io.net adapter against its emulator: the whole way, the money, the traps of the documents, a sample of faults."""

import random
from decimal import Decimal

import pytest
from pydantic import SecretStr

from aurora.domain.errors import (
    MalformedAnswer,
    NoCapacity,
    OfferGone,
    OutcomeUnknown,
)
from aurora.domain.instance import InstanceState
from aurora.providers.base import SupportsPrepay
from aurora.providers.ionet import IonetAccount, IonetProvider, RefundRule, normalise_base_url
from aurora.providers.ionet.money import BILLING
from aurora.providers.metrics import DirectGuard
from aurora.resilience.guard import Guard
from aurora.resilience.policy import GuardPolicy, LimiterPolicy, RetryPolicy
from tests.integration.providers.emulated import emulated
from tests.unit.providers.ionet.ionet_booth import GPUS, NAME, PLACES, QUICK
from tests.unit.providers.loopback import make_spec

S = InstanceState
OFFER = "net-12.3.1"


def account(url, key="any-key", **more):
    return IonetAccount(SecretStr(key), base_url=normalise_base_url(f"{url}/ionet"), patience=QUICK, **more)


def connected(url, clock, guard=None, **more):
    return IonetProvider.connect(
        account(url, **more), guard=guard or DirectGuard(), clock=clock, gpus=GPUS, places=PLACES
    )


@pytest.fixture
async def market():
    async with emulated("ionet", connected) as found:
        yield found


def order(offer=OFFER, **changes):
    return make_spec(offer, **{"ports": ("8080",), **changes})


async def lines(found):
    return [line.text async for line in found]


async def started(market, **changes):
    created = await market.provider.create(order(**changes))
    return created.external_id, await market.until(created.external_id, S.RUNNING)


async def test_the_whole_way_from_offer_to_gone(market):
    provider = market.provider
    offers, _ = await market.offers()
    offer = next(each for each in offers if each.external_id == OFFER)
    quote = await provider.quote(OFFER, gpu_count=1, disk_gb=20)

    job, _ = await started(market)
    market.clock.elapsed += 120
    seen = await provider.status(job)
    own = await provider.list_own()
    told = await lines(provider.logs(job, tail=3))
    await provider.extend(job, seconds=1800)
    longer = await provider.status(job)
    await provider.terminate(job)
    await provider.terminate(job)
    gone = await market.until_gone(job)

    assert (offer.gpu.family, offer.country, offer.price_per_hour) == ("rtx4090", "US", Decimal("0.3"))
    assert (quote.usd_per_hour, quote.firm) == (Decimal("0.3"), True)
    assert (seen.name, seen.usd_per_hour, seen.endpoints[0].url[:8]) == (NAME, Decimal("0.3"), "https://")
    assert [(each.name, each.external_id) for each in own] == [(NAME, job)]
    assert len(told) == 3
    assert (longer.paid_until - seen.paid_until).total_seconds() == 3600
    assert isinstance(provider, SupportsPrepay)
    assert gone.charged_usd == await market.billed(NAME)
    assert await provider.list_own() == ()


async def test_followed_logs_end_with_the_deployment(market):
    job, _ = await started(market)
    market.clock.elapsed += 30
    found = []

    async for line in market.provider.logs(job, follow=True):
        found.append(line.text)
        if len(found) == 3:
            await market.provider.terminate(job)
            market.clock.elapsed += 60

    assert len(found) >= 3
    assert len(found) == len(set(found))


@pytest.mark.parametrize(("refund", "rule"), [("minutes", "first_hour_kept"), ("none", "nothing_back")])
@pytest.mark.parametrize("minutes", [5, 59, 61, 100, 185])
async def test_our_meter_and_the_markets_ledger_agree_to_the_cent(market, refund, rule, minutes):
    await market.set(refund=refund)
    job, seen = await started(market)
    start = (await market.row(NAME))["running_at"]
    while (left := minutes * 60 - (market.clock.now() - seen.started_at).total_seconds()) > 0:
        paid_s = ((await market.provider.status(job)).paid_until - market.clock.now()).total_seconds()
        if paid_s < 900 and left > paid_s:
            await market.provider.extend(job, seconds=600)
        market.clock.elapsed += min(left, 300)
    await market.provider.terminate(job)
    gone = await market.until_gone(job)
    row = await market.row(NAME)

    ran = type(seen.started_at).fromisoformat(row["stopped_at"]) - type(seen.started_at).fromisoformat(start)
    ours = BILLING[RefundRule(rule)].cost(Decimal("0.3"), ran.total_seconds())
    assert gone.charged_usd == Decimal(str(row["usd_billed"]))
    assert abs(ours - gone.charged_usd) < Decimal("0.01")


async def test_what_never_ran_costs_what_the_market_says(market):
    job = (await market.provider.create(order())).external_id
    await market.provider.terminate(job)

    assert (await market.until_gone(job)).charged_usd == await market.billed(NAME)


async def test_paid_time_that_ends_is_said_and_over(market):
    job, _ = await started(market)
    market.clock.elapsed += 3700

    seen = await market.provider.status(job)

    assert (seen.state, seen.raw_state, seen.over) == (S.STOPPED, "completed", True)
    assert seen.message == "the paid time is used up"
    assert seen.charged_usd == await market.billed(NAME)
    await market.provider.terminate(job)


@pytest.mark.parametrize(
    "settings",
    [
        {"hardware_shape": "nested"},
        {"numeric_price_refused": True},
        {"list_empty_locations": False},
        {"first_page": 1},
        {"second_delete": 200},
        {"log_framing": "raw"},
        {"sku_id_shown": "zero"},
        {"string_hardware": False},
    ],
    ids=str,
)
async def test_what_the_documents_leave_open_makes_no_difference(market, settings):
    await market.set(**settings)
    offers, _ = await market.offers()
    assert OFFER in {each.external_id for each in offers}
    assert (await market.provider.quote(OFFER, gpu_count=1, disk_gb=1)).usd_per_hour == Decimal("0.3")

    job, _ = await started(market)
    market.clock.elapsed += 60
    assert await lines(market.provider.logs(job, tail=2))
    assert [each.name for each in await market.provider.list_own()] == [NAME]
    await market.provider.terminate(job)
    await market.provider.terminate(job)
    await market.until_gone(job)


async def test_a_partners_machine_is_rented_whole_in_its_country(market):
    offers, _ = await market.offers()
    offer = next(each for each in offers if each.external_id.startswith("sku-gpu_2x_6000_ada.US"))

    quote = await market.provider.quote(offer.external_id, gpu_count=2, disk_gb=1)
    job, seen = await started(market, offer=offer.external_id, gpu_count=2)

    assert (offer.price_per_hour, quote.usd_per_hour) == (Decimal("1.365"), Decimal("1.365"))
    assert seen.usd_per_hour == Decimal("1.365")
    await market.provider.terminate(job)


async def test_a_create_without_an_id_in_its_answer_is_found_by_its_name(market):
    await market.set(empty_deploy_body=True)

    with pytest.raises(MalformedAnswer) as unknown:
        await market.provider.create(order())

    assert unknown.value.outcome_known is False
    assert [each.name for each in await market.provider.list_own()] == [NAME]


async def test_a_second_create_under_one_name_is_an_unknown_outcome(market):
    await market.provider.create(order())

    with pytest.raises(OutcomeUnknown):
        await market.provider.create(order())
    assert [each.name for each in await market.provider.list_own()] == [NAME]


@pytest.mark.parametrize("status", [400, 409])
async def test_a_name_that_is_taken_is_understood_with_every_status(market, status):
    await market.set(name_taken_status=status)
    await market.provider.create(order())

    with pytest.raises(OutcomeUnknown):
        await market.provider.create(order())


async def test_a_sold_out_offer_is_gone(market):
    row = next(each for each in (await market.offers())[0] if each.external_id == OFFER)
    await market.happens("sold_out", row.external_id.split(".")[0].removeprefix("net-"))

    with pytest.raises(OfferGone):
        await market.provider.quote(OFFER, gpu_count=1, disk_gb=1)
    with pytest.raises((NoCapacity, OfferGone)):
        await market.provider.create(order())


async def test_a_failed_placement_is_failed_and_over(market):
    await market.fault(kind="start_failure", operation="create")
    job = (await market.provider.create(order())).external_id

    seen = await market.until(job, S.FAILED)

    assert seen.over
    assert seen.charged_usd == await market.billed(NAME)
    await market.provider.terminate(job)


async def test_a_lost_answer_to_a_create_is_sent_once_and_found_despite_a_lagging_list():
    def guarded(url, clock):
        policy = GuardPolicy(limiter=LimiterPolicy(rate_per_min=6000), retry=RetryPolicy(jitter_s=0))
        return connected(url, clock, Guard("ionet", policy, clock=clock, rng=random.Random(7)))

    async with emulated("ionet", guarded) as market:
        await market.fault(kind="lost_response", operation="create", count=1)
        await market.fault(kind="list_lag", operation="list", seconds=30)

        with pytest.raises(OutcomeUnknown):
            await market.provider.create(order())

        assert await market.calls("create") == 1
        assert await market.provider.list_own() == ()
        market.clock.elapsed += market.provider.capabilities.list_settles_within_s
        assert [each.name for each in await market.provider.list_own()] == [NAME]
