"""What every provider promises, asked of the fake and of the Vast.ai adapter alike."""

import asyncio
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from aurora.domain.errors import CredentialRefused, InstanceNotFound, OfferGone, ProviderError, Unavailable
from aurora.domain.instance import InstanceState
from aurora.domain.operation import Operation
from aurora.providers.base import Cursor, HealthReport
from aurora.providers.fake import FakeProvider, Pace
from tests.unit.providers.loopback import (
    KEY,
    Loopback,
    RecordingGuard,
    Reply,
    SkippingClock,
    make_offer,
    make_spec,
)
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

    def spec(self, **changes):
        changes = {"env": {"A": ENV_SECRET}, **changes}
        return make_spec(self.offer_id, **changes)


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
        )
        await provider.aclose()


@pytest.fixture(params=[fake_market, vast_market], ids=["fake", "vastai"])
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
    assert quote.firm is True
    assert abs(quote.usd_per_hour - offer.price_with_disk(100)) < Decimal("1e-6")
    assert quote.usd_per_hour > offer.price_per_hour


async def test_a_quote_is_never_answered_from_a_cache(market):
    await market.provider.quote(market.offer_id, gpu_count=1, disk_gb=10)

    assert [key for operation, _, key in market.guard.passed if operation is Operation.QUOTE] == [None]


async def test_a_quote_for_another_number_of_gpus_is_gone(market):
    with pytest.raises(OfferGone):
        await market.provider.quote(market.offer_id, gpu_count=7, disk_gb=10)


async def test_a_taken_offer_is_gone_for_the_quote_and_for_the_next_create(market):
    await market.provider.create(market.spec())

    with pytest.raises(OfferGone):
        await market.provider.quote(market.offer_id, gpu_count=1, disk_gb=10)
    with pytest.raises(OfferGone):
        await market.provider.create(market.spec(name="aurora-abc123-0123456789ab-2"))


async def test_what_was_created_is_seen_under_its_name_with_the_charged_price(market):
    created = await market.provider.create(market.spec())

    seen = await market.provider.status(created.external_id)

    assert seen.external_id == created.external_id
    assert seen.name == "aurora-abc123-0123456789ab-1"
    assert seen.state is InstanceState.RUNNING
    assert seen.usd_per_hour > 0
    assert [each.external_id for each in await market.provider.list_own()] == [created.external_id]


async def test_an_unknown_status_is_kept_and_is_not_a_failure(market):
    created = await market.provider.create(market.spec())

    market.set_state(created.external_id, "strange")

    seen = await market.provider.status(created.external_id)
    assert (seen.state, seen.raw_state) == (InstanceState.UNKNOWN, "strange")


async def test_an_instance_that_does_not_exist_is_not_found(market):
    with pytest.raises(InstanceNotFound):
        await market.provider.status("999")


async def test_terminating_twice_or_what_never_was_is_fine(market):
    created = await market.provider.create(market.spec())

    await market.provider.terminate(created.external_id)
    await market.provider.terminate(created.external_id)
    await market.provider.terminate("999")

    assert await market.provider.list_own() == ()
    with pytest.raises(InstanceNotFound):
        await market.provider.status(created.external_id)


async def test_logs_are_the_last_lines_oldest_first(market):
    created = await market.provider.create(market.spec())
    market.write_logs(created.external_id, *(f"line {n}" for n in range(10)))

    assert await collect(market.provider.logs(created.external_id, tail=3)) == ["line 7", "line 8", "line 9"]


async def test_followed_logs_go_on_without_loss_or_repeat_until_the_instance_is_gone(market):
    created = await market.provider.create(market.spec())
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
        await collect(market.provider.logs("999"))


async def test_health_knows_the_credit(market):
    report = await market.provider.health()

    assert report.ok is True
    assert report.credit_usd > 0


async def test_every_request_passes_the_guard_exactly_once(market):
    created = await market.provider.create(market.spec())
    await walk(market.provider)
    await market.provider.quote(
        "39209551" if market.provider.name == "vastai" else "70", gpu_count=1, disk_gb=10
    )
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
        provider.offers_page(Cursor("A100 SXM4")),
        provider.quote(market.offer_id, gpu_count=1, disk_gb=10),
        provider.create(market.spec(registry_login=f"joe:{ENV_SECRET}@registry.example")),
        provider.status("999"),
        provider.list_own(),
        collect(provider.logs("999")),
        provider.terminate("999"),
        provider.health(),
    ]

    for call in calls:
        with pytest.raises(CredentialRefused) as caught:
            await call
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(provider)
        assert not [secret for secret in market.secrets if secret in shown]


async def test_calls_may_run_at_the_same_time(market):
    created = await market.provider.create(market.spec())

    seen = await asyncio.gather(*(market.provider.status(created.external_id) for _ in range(8)))

    assert {each.external_id for each in seen} == {created.external_id}


async def test_two_creates_of_one_offer_give_one_instance(market):
    names = [f"aurora-abc123-0123456789ab-{n}" for n in (1, 2)]

    results = await asyncio.gather(
        *(market.provider.create(market.spec(name=name)) for name in names), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in results) == ["Created", "OfferGone"]
    assert len(await market.provider.list_own()) == 1


async def test_outcomes_are_counted_and_refusals_do_not_spoil_the_rate(market):
    assert market.provider.get_metrics().get_success_rate() is None
    await market.provider.health()
    with pytest.raises(InstanceNotFound):
        await market.provider.status("999")

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
