"""The SaladCloud adapter against its emulator: the whole way, the money, the traps of the documents, a sample of faults."""

import random
from decimal import Decimal

import pytest
from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    OfferGone,
    OutcomeUnknown,
    PaymentRequired,
    ProviderError,
    RateLimited,
)
from aurora.domain.instance import InstanceState
from aurora.providers.metrics import DirectGuard
from aurora.providers.salad import SaladAccount, SaladProvider, normalise_base_url
from aurora.providers.salad.names import Place
from aurora.resilience.guard import Guard
from aurora.resilience.policy import GuardPolicy, LimiterPolicy, RetryPolicy
from tests.integration.providers.emulated import emulated
from tests.unit.providers.loopback import make_spec
from tests.unit.providers.salad.salad_booth import GPUS, NAME, RTX4090

S = InstanceState
ACME = Place("acme", "default")
OFFER = f"{RTX4090}.low"
PRICE = Decimal("0.207")


def connected(url, clock, guard=None, key="any-key", place=ACME):
    account = SaladAccount(SecretStr(key), place, base_url=normalise_base_url(f"{url}/salad"))
    return SaladProvider.connect(account, guard=guard or DirectGuard(), clock=clock, gpus=GPUS)


@pytest.fixture
async def market():
    async with emulated("salad", connected) as found:
        await found.set(interruptions=False)
        yield found


def order(offer=OFFER, **changes):
    return make_spec(offer, **{"ports": ("8080",), **changes})


async def lines(found):
    return [line.text async for line in found]


async def started(market, **changes):
    created = await market.provider.create(order(**changes))
    return await market.until(created.external_id, S.RUNNING)


async def test_the_whole_way_from_offer_to_gone(market):
    provider = market.provider
    offers, rejected = await market.offers()
    offer = next(each for each in offers if each.external_id == OFFER)
    quote = await provider.quote(OFFER, gpu_count=1, disk_gb=20)

    seen = await started(market)
    market.clock.elapsed += 60
    own = await provider.list_own()
    told = await lines(provider.logs(NAME, tail=3))
    await provider.terminate(NAME)
    await provider.terminate(NAME)
    await market.until_gone(NAME)

    assert (len(offers), [each.reason for each in rejected]) == (144, ["a mix of GPUs"])
    assert (offer.gpu.name, offer.price_per_hour, offer.spot) == ("rtx4090-24gb", PRICE, True)
    assert (quote.usd_per_hour, quote.firm) == (PRICE, True)
    assert (seen.name, seen.external_id, seen.endpoints[0].url[:8]) == (NAME, NAME, "https://")
    assert [each.name for each in own] == [NAME]
    assert len(told) == 3
    assert await provider.list_own() == ()


async def test_what_never_ran_costs_nothing(market):
    await market.provider.create(order())
    await market.provider.terminate(NAME)

    await market.until_gone(NAME)
    assert await market.billed(NAME) == 0
    assert market.provider.billing.cost(PRICE, 0) == 0


async def test_followed_logs_lose_and_repeat_nothing_although_clocks_differ(market):
    await market.set(clock_skew_s=70, log_lag_s=3)
    await started(market)
    market.clock.elapsed += 90
    found, written = [], []

    async for line in market.provider.logs(NAME, follow=True):
        found.append(line.text)
        if len(found) == 60:
            written = await lines(market.provider.logs(NAME, tail=10_000))
            await market.provider.terminate(NAME)
            market.clock.elapsed += 120

    assert len(written) > 40
    assert set(written) <= set(found)
    assert len(found) == len(set(found))


async def test_a_long_tail_is_read_over_several_pages(market):
    await started(market)
    market.clock.elapsed += 1000

    told = await lines(market.provider.logs(NAME, tail=350))

    assert len(told) == 350
    assert len(set(told)) == 350
    assert told == (await lines(market.provider.logs(NAME, tail=420)))[-350:]


async def test_a_lost_node_is_not_the_end_and_not_billed_meanwhile(market):
    await started(market)
    await market.happens("node_lost", NAME)

    seen = await market.provider.status(NAME)
    again = await market.until(NAME, S.RUNNING)

    assert (seen.state, seen.raw_state) == (S.STARTING, "running")
    assert again.name == NAME


@pytest.mark.parametrize("relaunched", [True, False])
async def test_a_container_that_exits_is_said_although_the_platform_starts_it_again(market, relaunched):
    await market.set(relaunch_on_exit=relaunched)
    await started(market)
    market.clock.elapsed += 30
    await market.happens("exited", NAME)
    market.clock.elapsed += 30

    seen = await market.provider.status(NAME)

    assert seen.state is S.EXITED
    assert [each.state for each in await market.provider.list_own()] == [S.EXITED]


async def test_a_name_that_is_taken_is_our_own_create(market):
    for status in (400, 409):
        await market.set(name_conflict_status=status)
        created = await market.provider.create(order())
        assert (await market.provider.create(order())).external_id == created.external_id == NAME
    assert len(await market.provider.list_own()) == 1


async def test_a_name_of_a_deleted_group_is_an_unknown_outcome(market):
    await market.provider.create(order())
    await market.provider.terminate(NAME)
    await market.until_gone(NAME)

    with pytest.raises(OutcomeUnknown):
        await market.provider.create(order())


@pytest.mark.parametrize("status", [403, 400])
async def test_a_full_quota_pauses_creates_with_a_date(market, status):
    await market.set(replicas_quota=1, quota_status=status)
    await market.provider.create(order())

    with pytest.raises(RateLimited) as full:
        await market.provider.create(order(name="aurora-abc123-0123456789ab-2"))

    assert full.value.until > market.clock.now()
    assert (await market.provider.health()).detail == "1 of 1 container replicas in use"


async def test_no_credit_is_payment_required(market):
    await market.set(no_credits=True)

    with pytest.raises(PaymentRequired):
        await market.provider.create(order())


async def test_a_failed_image_is_failed(market):
    await market.fault(kind="start_failure", operation="create")
    await market.provider.create(order())

    seen = await market.until(NAME, S.FAILED)

    assert seen.message
    await market.provider.terminate(NAME)
    await market.until_gone(NAME)


async def test_a_sold_out_class_is_gone(market):
    await market.happens("sold_out", RTX4090)

    with pytest.raises(OfferGone):
        await market.provider.quote(OFFER, gpu_count=1, disk_gb=1)


async def test_an_unknown_status_is_kept(market):
    await started(market)
    await market.happens("status", NAME, status="hibernating")

    assert (await market.provider.status(NAME)).state is S.UNKNOWN


async def test_a_lost_answer_to_a_create_is_sent_once_and_found_by_its_name():
    def guarded(url, clock):
        policy = GuardPolicy(limiter=LimiterPolicy(rate_per_min=6000), retry=RetryPolicy(jitter_s=0))
        return connected(url, clock, Guard("salad", policy, clock=clock, rng=random.Random(7)))

    async with emulated("salad", guarded) as market:
        await market.fault(kind="lost_response", operation="create", count=1)
        await market.fault(kind="list_lag", operation="list", seconds=20)

        with pytest.raises(OutcomeUnknown):
            await market.provider.create(order())

        assert await market.calls("create") == 1
        market.clock.elapsed += market.provider.capabilities.list_settles_within_s
        assert [each.name for each in await market.provider.list_own()] == [NAME]


async def test_a_wrong_key_is_refused_and_a_wrong_organization_makes_nothing_absent():
    async with emulated("salad", lambda url, clock: connected(url, clock, key="invalid")) as market:
        with pytest.raises(CredentialRefused):
            await market.provider.health()

    def elsewhere(url, clock):
        return connected(url, clock, place=Place("unknown", "default"))

    async with emulated("salad", elsewhere) as market:
        for ask in (market.provider.status, market.provider.terminate):
            with pytest.raises(ProviderError) as caught:
                await ask(NAME)
            assert not isinstance(caught.value, InstanceNotFound)
