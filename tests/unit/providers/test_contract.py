"""What every provider promises, asked of the fake and of every adapter alike."""

import asyncio
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    NoCapacity,
    OfferGone,
    ProviderError,
    Unavailable,
)
from aurora.domain.instance import Created, InstanceState
from aurora.domain.operation import Operation
from aurora.providers.base import Cursor, HealthReport, SupportsSteps
from aurora.providers.fake import FakeProvider, Pace
from tests.unit.providers.akash.auction_booth import AuctionBooth, LogSocket
from tests.unit.providers.akash.booth import KEY as CONSOLE_KEY
from tests.unit.providers.akash.booth import OFFER, TOKEN, akash_at, refusal
from tests.unit.providers.gateway import gateway_booth
from tests.unit.providers.ionet import ionet_booth
from tests.unit.providers.loopback import (
    KEY,
    Loopback,
    RecordingGuard,
    Reply,
    SkippingClock,
    make_offer,
    make_spec,
)
from tests.unit.providers.salad import salad_booth
from tests.unit.providers.vast_booth import INSTANCE_KEY, Booth, vast_at

ENV_SECRET = "hunter2-hunter2"


@dataclass
class Market:
    """One market of the suite: the provider and the levers that the tests pull."""

    provider: Any
    clock: SkippingClock
    guard: RecordingGuard
    offer_id: str
    requests: Any
    write_logs: Any
    vanish: Any
    set_state: Any
    refuse_key: Any
    secrets: list[str] = field(default_factory=lambda: [KEY, ENV_SECRET, INSTANCE_KEY])
    other_offer_id: str = "70"
    unknown_id: str = "999"
    slice_key: str = "A100 SXM4"
    auction: bool = False
    """Offers are estimates of what will be bid: none is firm, and none is taken by one launch."""
    roomy: bool = False
    """A create takes no certain machine, so there is room for a second one, and what is taken is not said."""
    free_disk: bool = False
    """Disk is part of the price."""
    tells_credit: bool = True
    tells_charge: bool = True
    order: dict[str, Any] = field(default_factory=dict)
    """What of the common launch this market cannot do, changed."""

    def spec(self, **changes):
        changes = {"env": {"A": ENV_SECRET}, **self.order, **changes}
        return make_spec(self.offer_id, **changes)

    async def launch(self, **changes):
        """Create, and take all the steps that follow until it runs."""
        spec = self.spec(**changes)
        created = await self.provider.create(spec)
        if isinstance(self.provider, SupportsSteps):
            while (await self.provider.advance(created.external_id, spec)).state is InstanceState.PREPARING:
                await self.clock.sleep(1)
        return created


@asynccontextmanager
async def fake_market():
    clock, guard = SkippingClock(), RecordingGuard()
    offers = [make_offer(str(n), slice_key="A100 SXM4") for n in range(70, 80)]
    provider = FakeProvider(clock=clock, guard=guard, offers=offers, pace=Pace(boot_s=0, page_size=4))
    states = {"running": InstanceState.RUNNING, "strange": InstanceState.UNKNOWN}

    def refuse_key():
        for operation in Operation:
            provider.script.fail_always(operation, CredentialRefused("fake", "401 wrong key", status=401))

    yield Market(
        provider,
        clock,
        guard,
        "77",
        requests=lambda: len(provider.calls),
        write_logs=provider.market.write_log,
        vanish=provider.market.vanish,
        set_state=lambda number, state: provider.market.put(number, states[state], raw_state=state),
        refuse_key=refuse_key,
    )
    await provider.aclose()


@asynccontextmanager
async def vast_market():
    clock, guard, booth = SkippingClock(), RecordingGuard(), Booth()
    async with Loopback(booth) as server:
        booth.base = server.url
        provider = vast_at(server, clock=clock, guard=guard)

        def refuse_key():
            server.handler = lambda _: Reply(
                {"error": "auth_error", "msg": f"Invalid user key {KEY}"}, status=401
            )

        yield Market(
            provider,
            clock,
            guard,
            "39235233",
            requests=lambda: len(server.asked),
            write_logs=lambda number, *lines: booth.logs.setdefault(int(number), []).extend(lines),
            vanish=lambda number: booth.instances.pop(int(number)),
            set_state=lambda number, state: booth.instances[int(number)].update(actual_status=state),
            refuse_key=refuse_key,
            other_offer_id="39209551",
        )
        await provider.aclose()


@asynccontextmanager
async def akash_market():
    clock, guard = SkippingClock(), RecordingGuard()
    booth = AuctionBooth(clock)
    async with Loopback(booth) as server, LogSocket(booth).serving() as proxy:
        provider = akash_at(server, clock=clock, guard=guard, proxy_url=proxy.url)

        def refuse_key():
            server.handler = lambda _: refusal(401, f"Invalid API key {CONSOLE_KEY}", "unauthorized")

        def set_state(dseq, state):
            booth.deployments[dseq]["deployment"].update(state=state)

        yield Market(
            provider,
            clock,
            guard,
            OFFER,
            requests=lambda: len(server.asked) + proxy.asked,
            write_logs=lambda dseq, *lines: booth.logs.setdefault(dseq, []).extend(lines),
            vanish=booth.vanish,
            set_state=set_state,
            refuse_key=refuse_key,
            secrets=[CONSOLE_KEY, ENV_SECRET, TOKEN],
            other_offer_id=OFFER,
            slice_key="all",
            auction=True,
        )
        await provider.aclose()


@asynccontextmanager
async def gateway_market():
    clock, guard, booth = SkippingClock(), RecordingGuard(), gateway_booth.Booth()
    async with Loopback(booth) as server:
        provider = gateway_booth.gateway_at(server, clock=clock, guard=guard)

        def refuse_key():
            text = f"no account for {gateway_booth.KEY}"
            server.handler = lambda _: gateway_booth.refusal(401, "unauthenticated", text)

        yield Market(
            provider,
            clock,
            guard,
            gateway_booth.OFFER,
            requests=lambda: len(server.asked),
            write_logs=lambda job, *lines: booth.log.setdefault(job, []).extend(lines),
            vanish=booth.jobs.pop,
            set_state=lambda job, state: booth.jobs[job].update(status=state),
            refuse_key=refuse_key,
            secrets=[gateway_booth.KEY, ENV_SECRET],
            other_offer_id=f"{gateway_booth.OFFER}-1",
            slice_key="all",
            order={"ports": ("8080",)},
        )
        await provider.aclose()


@asynccontextmanager
async def ionet_market():
    clock, guard, booth = SkippingClock(), RecordingGuard(), ionet_booth.Booth()
    booth.free[12, 3] = 1
    async with Loopback(booth) as server:
        provider = ionet_booth.ionet_at(server, clock=clock, guard=guard)

        def refuse_key():
            text = f"key {ionet_booth.KEY} is not valid"
            server.handler = lambda _: ionet_booth.refusal(401, text)

        yield Market(
            provider,
            clock,
            guard,
            ionet_booth.OFFER,
            requests=lambda: len(server.asked),
            write_logs=lambda job, *lines: booth.log.setdefault(job, []).extend(lines),
            vanish=booth.jobs.pop,
            set_state=lambda job, state: booth.jobs[job].update(status=state),
            refuse_key=refuse_key,
            secrets=[ionet_booth.KEY, ENV_SECRET],
            other_offer_id="net-12.17.1",
            slice_key="partners",
            free_disk=True,
            tells_credit=False,
            order={"ports": ("8080",)},
        )
        await provider.aclose()


@asynccontextmanager
async def salad_market():
    clock, guard = SkippingClock(), RecordingGuard()
    booth = salad_booth.Booth(clock)
    async with Loopback(booth) as server:
        provider = salad_booth.salad_at(server, clock=clock, guard=guard)

        def refuse_key():
            text = f"key {salad_booth.KEY} is not valid"
            server.handler = lambda _: salad_booth.problem(401, "Unauthorized", detail=text)

        yield Market(
            provider,
            clock,
            guard,
            salad_booth.OFFER,
            requests=lambda: len(server.asked),
            write_logs=booth.write,
            vanish=booth.groups.pop,
            set_state=lambda name, state: booth.groups[name]["current_state"].update(status=state),
            refuse_key=refuse_key,
            secrets=[salad_booth.KEY, ENV_SECRET],
            other_offer_id=f"{salad_booth.RTX4090}.batch",
            unknown_id="no-such-group",
            slice_key="any",
            roomy=True,
            free_disk=True,
            tells_credit=False,
            tells_charge=False,
            order={"ports": ("8080",)},
        )
        await provider.aclose()


@pytest.fixture(
    params=[fake_market, vast_market, akash_market, gateway_market, ionet_market, salad_market],
    ids=["fake", "vastai", "akash", "gateway", "ionet", "salad"],
)
async def market(request):
    async with request.param() as found:
        yield found


async def walk(provider):
    pages = []
    for key in await provider.catalogue_slices():
        cursor = Cursor(key)
        while cursor is not None:
            pages.append(await provider.offers_page(cursor))
            cursor = pages[-1].next
    return pages


async def collect(lines):
    return [line.text async for line in lines]


async def test_the_catalogue_is_walked_to_its_end_and_every_offer_belongs_to_its_slice(market):
    pages = await walk(market.provider)

    offers = [offer for page in pages for offer in page.offers]
    assert market.offer_id in {offer.external_id for offer in offers}
    assert len({offer.id for offer in offers}) == len(offers)
    assert all(offer.slice_key == page.cursor.slice_key for page in pages for offer in page.offers)
    assert all(offer.provider == market.provider.name for offer in offers)
    assert all(page.complete and page.read_at is not None for page in pages)


async def test_a_slice_that_does_not_exist_is_empty_and_complete(market):
    page = await market.provider.offers_page(Cursor("no such GPU"))

    assert (page.offers, page.next, page.complete) == ((), None, True)


async def test_a_quote_says_the_price_with_the_disk_asked_for(market):
    offers = {offer.external_id: offer for page in await walk(market.provider) for offer in page.offers}
    offer = offers[market.offer_id]

    quote = await market.provider.quote(market.offer_id, gpu_count=offer.gpu_count, disk_gb=100)

    assert quote.offer_id == offer.id
    assert quote.firm is not market.auction
    assert abs(quote.usd_per_hour - offer.price_with_disk(100)) < Decimal("1e-6")
    assert (quote.usd_per_hour > offer.price_per_hour) is not market.free_disk


async def test_a_quote_is_never_answered_from_a_cache(market):
    await market.provider.quote(market.offer_id, gpu_count=1, disk_gb=10)

    assert {key for operation, _, key in market.guard.passed if operation is Operation.QUOTE} == {None}


async def test_a_quote_for_another_number_of_gpus_is_gone(market):
    with pytest.raises(OfferGone):
        await market.provider.quote(market.offer_id, gpu_count=7, disk_gb=10)


async def test_a_taken_offer_is_gone_for_the_quote_and_for_the_next_create_unless_it_is_an_auction(market):
    await market.launch()
    second = market.spec(name="aurora-abc123-0123456789ab-2")

    if market.auction or market.roomy:
        await market.provider.quote(market.offer_id, gpu_count=1, disk_gb=10)
        assert (await market.provider.create(second)).external_id
        return
    with pytest.raises(OfferGone):
        await market.provider.quote(market.offer_id, gpu_count=1, disk_gb=10)
    with pytest.raises((OfferGone, NoCapacity)):
        await market.provider.create(second)


async def test_what_was_created_is_seen_under_its_name_with_the_charged_price(market):
    created = await market.launch()

    seen = await market.provider.status(created.external_id)

    assert seen.external_id == created.external_id
    assert seen.name == "aurora-abc123-0123456789ab-1"
    assert seen.state is InstanceState.RUNNING
    assert (seen.usd_per_hour or 0) > 0 or not market.tells_charge
    assert [each.external_id for each in await market.provider.list_own()] == [created.external_id]


async def test_an_unknown_status_is_kept_and_is_not_a_failure(market):
    created = await market.launch()

    market.set_state(created.external_id, "strange")

    seen = await market.provider.status(created.external_id)
    assert seen.state is InstanceState.UNKNOWN
    assert "strange" in seen.raw_state


async def test_an_instance_that_does_not_exist_is_not_found(market):
    with pytest.raises(InstanceNotFound):
        await market.provider.status(market.unknown_id)


async def test_terminating_twice_or_what_never_was_is_fine(market):
    created = await market.launch()

    await market.provider.terminate(created.external_id)
    await market.provider.terminate(created.external_id)
    await market.provider.terminate(market.unknown_id)

    assert await market.provider.list_own() == ()
    with pytest.raises(InstanceNotFound):
        await market.provider.status(created.external_id)


async def test_logs_are_the_last_lines_oldest_first(market):
    created = await market.launch()
    market.write_logs(created.external_id, *(f"line {n}" for n in range(10)))

    assert await collect(market.provider.logs(created.external_id, tail=3)) == ["line 7", "line 8", "line 9"]


async def test_followed_logs_go_on_without_loss_or_repeat_until_the_instance_is_gone(market):
    created = await market.launch()
    market.write_logs(created.external_id, "one", "two")
    found = []

    async for line in market.provider.logs(created.external_id, follow=True):
        found.append(line.text)
        if len(found) == 2:
            market.write_logs(created.external_id, "two", "three")
        if len(found) == 4:
            market.vanish(created.external_id)

    assert found == ["one", "two", "two", "three"]


async def test_logs_of_an_unknown_instance_are_not_found(market):
    with pytest.raises(InstanceNotFound):
        await collect(market.provider.logs(market.unknown_id))


async def test_health_knows_the_credit_where_the_market_tells_it(market):
    report = await market.provider.health()

    assert report.ok is True
    assert (report.credit_usd is not None) is market.tells_credit
    assert report.credit_usd is None or report.credit_usd > 0


async def test_every_request_passes_the_guard_exactly_once(market):
    created = await market.launch()
    await walk(market.provider)
    await market.provider.quote(market.other_offer_id, gpu_count=1, disk_gb=10)
    await market.provider.status(created.external_id)
    await market.provider.list_own()
    await collect(market.provider.logs(created.external_id))
    await market.provider.health()
    await market.provider.terminate(created.external_id)

    assert market.requests() == len(market.guard.passed)
    assert {operation for operation, _, _ in market.guard.passed} == set(Operation)


async def test_a_refused_key_is_said_and_no_secret_is_in_any_error(market):
    market.refuse_key()
    provider = market.provider
    calls = [
        provider.offers_page(Cursor(market.slice_key)),
        provider.quote(market.offer_id, gpu_count=1, disk_gb=10),
        provider.create(market.spec(registry_login=f"joe:{ENV_SECRET}@registry.example")),
        provider.status(market.unknown_id),
        provider.list_own(),
        collect(provider.logs(market.unknown_id)),
        provider.terminate(market.unknown_id),
        provider.health(),
    ]

    for call in calls:
        with pytest.raises(CredentialRefused) as caught:
            await call
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(provider)
        assert not [secret for secret in market.secrets if secret in shown]


async def test_calls_may_run_at_the_same_time(market):
    created = await market.launch()

    seen = await asyncio.gather(*(market.provider.status(created.external_id) for _ in range(8)))

    assert {each.external_id for each in seen} == {created.external_id}


async def test_two_creates_of_one_offer_give_one_instance_and_of_an_auction_two(market):
    names = [f"aurora-abc123-0123456789ab-{n}" for n in (1, 2)]

    results = await asyncio.gather(
        *(market.provider.create(market.spec(name=name)) for name in names), return_exceptions=True
    )

    both = market.auction or market.roomy
    created, other = sorted(results, key=lambda each: isinstance(each, Exception))
    assert created.external_id
    assert isinstance(other, Created if both else OfferGone | NoCapacity)
    assert len({each.name for each in await market.provider.list_own()}) == (2 if both else 1)


async def test_outcomes_are_counted_and_refusals_do_not_spoil_the_rate(market):
    assert market.provider.get_metrics().get_success_rate() is None
    await market.provider.health()
    with pytest.raises(InstanceNotFound):
        await market.provider.status(market.unknown_id)

    assert market.provider.get_metrics().get_success_rate() == 1.0


async def test_capabilities_and_billing_are_said(market):
    assert market.provider.capabilities.deploy is True
    assert market.provider.capabilities.reports_capacity in (True, False)
    assert market.provider.billing.cost(Decimal(1), 3600) == Decimal(1)


async def test_a_provider_that_is_closed_raises_provider_errors_only(market):
    await market.provider.aclose()

    (answer,) = await asyncio.gather(market.provider.health(), return_exceptions=True)

    assert isinstance(answer, ProviderError | HealthReport)
    assert not isinstance(answer, Unavailable)
