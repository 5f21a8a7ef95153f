"""The adapters behind the real guard against the emulators over real sockets: the whole way, and a sample of faults."""

import random
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace

import aiohttp
import pytest
from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    MalformedAnswer,
    NotSupported,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
)
from aurora.domain.gpu_table import GpuTable
from aurora.domain.instance import InstanceState
from aurora.domain.region import RegionTable
from aurora.emulators.server import EmulatorOptions, running
from aurora.providers.base import Cursor
from aurora.providers.gateway import GatewayAccount, GatewayProvider
from aurora.providers.render import DispersedAccount, DispersedProvider
from aurora.providers.request import Transport
from aurora.resilience.guard import Guard
from aurora.resilience.policy import CachePolicy, GuardPolicy, LimiterPolicy, RetryPolicy
from tests.fakes.clock import FakeClock
from tests.unit.providers.loopback import make_spec

GPUS, PLACES = GpuTable.load(), RegionTable.load()


class Stand(SimpleNamespace):
    """One emulated market, the adapter, and the levers."""

    async def walk(self):
        offers, cursor = [], Cursor("all")
        while cursor is not None:
            page = await self.provider.offers_page(cursor)
            offers += page.offers
            assert page.complete
            cursor = page.next
        return offers

    async def an_offer(self):
        return next(
            each
            for each in await self.walk()
            if each.gpu.known and each.gpu_count == 1 and not each.spot and (each.available or 0) > 1
        )

    def spec(self, offer, number=1, **changes):
        plain = {
            "name": f"aurora-abc123-0123456789ab-{number}",
            "ports": ("8080",),
            "command": (),
            "gpu_count": offer.gpu_count,
            "ceiling_usd_per_hour": Decimal(50),
        }
        return make_spec(offer.external_id, **{**plain, **changes})

    async def created(self, number=1, **changes):
        offer = await self.an_offer()
        return (await self.provider.create(self.spec(offer, number, **changes))).external_id

    async def seen_as(self, job, state):
        """Let the market's time pass until the job is in this state."""
        for _ in range(400):
            found = await self.provider.status(job)
            if found.state is state:
                return found
            self.clock.advance(5)
        raise AssertionError(f"never {state}, but {found}")

    async def gone(self, job):
        for _ in range(200):
            try:
                await self.provider.status(job)
            except InstanceNotFound as error:
                return error
            self.clock.advance(1)
        raise AssertionError("never gone")

    async def control(self, method, what, **body):
        address = f"{self.url}/_emulator/{self.market}/{what}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, address, json=body or None) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return None if answer.status == 204 else await answer.json()

    async def fault(self, kind, operation, **more):
        await self.control("POST", "faults", kind=kind, operation=operation, **more)

    @asynccontextmanager
    async def impatient(self):
        """A second adapter, whose attempts have 50 ms."""
        provider, guard = made(self.market, self.dialect, self.url, clock=self.clock, attempt_s=0.05)
        yield provider
        await provider.aclose()
        await guard.aclose()


def made(market, dialect, url, *, clock, key="emulated", attempt_s=5.0):
    """The adapter and its guard."""
    policy = GuardPolicy(
        limiter=LimiterPolicy(rate_per_min=100_000),
        retry=RetryPolicy(max_retries=0),
        cache=CachePolicy(enabled=False),
        attempt_timeout_s=attempt_s,
    )
    guard = Guard(market, policy, clock=clock, rng=random.Random(7))
    common = {"emulated": True, "transport": Transport(attempt_s=attempt_s)}
    if dialect == "dispersed":
        keys = DispersedAccount(SecretStr(key), SecretStr("emulated"), f"{url}/{market}", **common)
        return DispersedProvider.connect(keys, guard=guard, clock=clock, gpus=GPUS), guard
    account = GatewayAccount(market, SecretStr(key), f"{url}/{market}/v1", **common)
    return GatewayProvider.connect(account, guard=guard, clock=clock, gpus=GPUS, places=PLACES), guard


@asynccontextmanager
async def stand(market, dialect, *, key="emulated"):
    clock = FakeClock(auto=False)
    async with running(EmulatorOptions(providers=(market,)), clock) as url:
        provider, guard = made(market, dialect, url, clock=clock, key=key)
        try:
            yield Stand(provider=provider, clock=clock, url=url, market=market, dialect=dialect, guard=guard)
        finally:
            await provider.aclose()
            await guard.aclose()


STANDS = {
    "flux": ("flux", "gateway"),
    "render": ("render", "gateway"),
    "render, Dispersed": ("render", "dispersed"),
}


@pytest.fixture(params=STANDS.values(), ids=STANDS)
async def market(request):
    async with stand(*request.param) as found:
        yield found


@pytest.fixture
async def flux():
    async with stand("flux", "gateway") as found:
        yield found


@pytest.mark.parametrize(
    ("name", "dialect"),
    [("aethir", "gateway"), ("flux", "gateway"), ("render", "gateway"), ("render", "dispersed")],
)
async def test_98_of_100_offers_have_a_known_gpu_and_a_known_place_or_none_said(name, dialect):
    async with stand(name, dialect) as market:
        offers = await market.walk()

        known = [each for each in offers if each.gpu.known and (each.regions or each.region_raw is None)]
        invented = [each for each in offers if each.gpu_raw == "Orbital TPX-2"]  # there to be unknown
        assert len(known) / (len(offers) - len(invented)) >= 0.98
        assert len({each.id for each in offers}) == len(offers) > 15
        assert all(each.emulated for each in offers)


async def test_the_whole_way_from_offer_to_gone(market):
    offer = await market.an_offer()
    quote = await market.provider.quote(offer.external_id, gpu_count=1, disk_gb=20)
    created = await market.provider.create(market.spec(offer))
    seen = await market.seen_as(created.external_id, InstanceState.RUNNING)

    assert quote.usd_per_hour == offer.price_with_disk(20)
    assert seen.name == "aurora-abc123-0123456789ab-1"
    market.clock.advance(60)  # ports are open a little later than the container runs
    seen = await market.provider.status(created.external_id)
    assert "8080" in {each.port for each in seen.endpoints}
    assert [each.external_id for each in await market.provider.list_own()] == [created.external_id]

    await market.provider.terminate(created.external_id)
    await market.gone(created.external_id)
    await market.provider.terminate(created.external_id)
    assert await market.provider.list_own() == ()
    assert (await market.provider.health()).ok


async def test_a_minimum_term_is_in_the_final_bill_only(flux):
    job = await flux.created()
    running = await flux.seen_as(job, InstanceState.RUNNING)
    assert running.charged_usd < running.usd_per_hour

    await flux.provider.terminate(job)

    assert (await flux.gone(job)).charged_usd == running.usd_per_hour


async def test_logs_follow_to_the_end_without_loss_or_repeat(flux):
    job = await flux.created()
    await flux.seen_as(job, InstanceState.RUNNING)
    flux.clock.advance(30)
    plain = [line async for line in flux.provider.logs(job, tail=5)]
    await flux.provider.terminate(job)
    await flux.gone(job)

    followed = [line.text async for line in flux.provider.logs(job, tail=5000, follow=True)]

    assert len(plain) == 5
    assert all(line.at is not None and line.stream for line in plain)
    assert [line.text for line in plain] == [
        each for each in followed if each in {line.text for line in plain}
    ]
    assert len(followed) > 5


async def test_dispersed_has_no_logs():
    async with stand("render", "dispersed") as render:
        with pytest.raises(NotSupported):
            render.provider.logs(await render.created())


async def test_a_key_that_is_refused_is_said_so_and_one_that_may_only_look_too(market):
    async with stand(market.market, market.dialect, key="invalid") as other:
        with pytest.raises(CredentialRefused):
            await other.provider.health()
    if market.dialect == "gateway":
        async with stand(market.market, market.dialect, key="readonly") as other:
            offer = await other.an_offer()
            with pytest.raises(CredentialRefused):
                await other.provider.create(other.spec(offer))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "code": 500, "effect": True},
        {"kind": "html", "effect": True},
        {"kind": "lost_response"},
        {"kind": "truncate"},
        {"kind": "garbage_type", "level": "envelope"},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_a_create_whose_answer_is_lost_is_found_by_its_name(market, fault):
    offer = await market.an_offer()
    await market.fault(operation="create", count=1, **fault)

    with pytest.raises(OutcomeUnknown):
        await market.provider.create(market.spec(offer))

    assert [each.name for each in await market.provider.list_own()] == ["aurora-abc123-0123456789ab-1"]
    assert (await market.control("GET", "calls"))["create"] == 1


@pytest.mark.parametrize(("name", "dialect"), STANDS.values(), ids=STANDS)
async def test_a_create_that_is_never_answered_is_found_by_its_name(name, dialect):
    async with stand(name, dialect) as market:
        offer = await market.an_offer()
        async with market.impatient() as provider:
            await market.fault("hang", "create", count=1, effect=True)
            with pytest.raises(OutcomeUnknown):
                await provider.create(market.spec(offer))

        assert len(await market.provider.list_own()) == 1


@pytest.mark.parametrize("fault", [{"kind": "status", "code": 503}, {"kind": "reset"}, {"kind": "html"}])
async def test_a_create_that_failed_before_its_effect_leaves_nothing(market, fault):
    offer = await market.an_offer()
    await market.fault(operation="create", count=1, **fault)

    with pytest.raises(OutcomeUnknown):
        await market.provider.create(market.spec(offer))

    assert await market.provider.list_own() == ()


@pytest.mark.parametrize("operation", ["offers", "list", "health"])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "code": 503},
        {"kind": "status", "code": 404},
        {"kind": "html"},
        {"kind": "truncate"},
        {"kind": "redirect"},
        {"kind": "garbage_type", "level": "envelope"},
        {"kind": "oversize"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
async def test_a_read_that_fails_says_so_and_is_never_an_empty_answer(market, operation, fault):
    await market.created()
    await market.fault(operation=operation, **fault)
    reads = {
        "offers": lambda: market.provider.offers_page(Cursor("all", '{"cursor": null, "rows": 0}')),
        "list": market.provider.list_own,
        "health": market.provider.health,
    }

    with pytest.raises(ProviderError):
        await reads[operation]()


async def test_a_list_of_items_that_cannot_be_read_is_no_list(market):
    await market.created()
    await market.fault("garbage_type", "list", level="items")

    with pytest.raises(MalformedAnswer):
        await market.provider.list_own()


async def test_a_delete_that_is_ignored_is_seen(market):
    job = await market.created()
    await market.seen_as(job, InstanceState.RUNNING)
    await market.fault("delete_ignored", "terminate")

    await market.provider.terminate(job)
    market.clock.advance(300)

    assert (await market.provider.status(job)).state is InstanceState.RUNNING


async def test_what_will_never_start_is_said_to_have_failed(market):
    await market.fault("start_failure", "create")
    job = await market.created()

    seen = await market.seen_as(job, InstanceState.FAILED)

    assert seen.over


async def test_a_charge_above_the_price_is_seen(flux):
    await flux.fault("charge_factor", "create", k=3)
    offer = await flux.an_offer()
    job = (await flux.provider.create(flux.spec(offer))).external_id

    seen = await flux.seen_as(job, InstanceState.RUNNING)

    assert seen.usd_per_hour == offer.price_with_disk(20) * 3


async def test_a_price_that_rose_over_the_ceiling_is_refused_before_anything_is_made(flux):
    offer = await flux.an_offer()
    low = flux.spec(offer, ceiling_usd_per_hour=offer.price_per_hour / 2)

    with pytest.raises(OfferGone, match="price_changed"):
        await flux.provider.create(low)
    assert await flux.provider.list_own() == ()


async def test_the_same_name_is_never_made_twice(flux):
    offer = await flux.an_offer()
    first = await flux.provider.create(flux.spec(offer))
    again = await flux.provider.create(flux.spec(offer))

    assert first == again
    with pytest.raises(OutcomeUnknown):
        await flux.provider.create(flux.spec(offer, image="nginx:other"))
    assert len(await flux.provider.list_own()) == 1
