"""What every market promises, asked of every adapter before its booth, and of the fake."""

import asyncio
import traceback
from decimal import Decimal

import pytest

from aurora.conformance.examine import Subject, examine
from aurora.conformance.report import Verdict
from aurora.conformance.rules import LIVE
from aurora.conformance.watch import Watch
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
from aurora.providers.base import Cursor, HealthReport
from aurora.providers.metrics import DirectGuard
from tests.conformance.asking import calls, collect, offers, walk
from tests.conformance.description import ENV_SECRET, NAME
from tests.conformance.kit import exempt, known_offers, promise

NINE_PLACES = Decimal("0.000001")
"""Offers keep nine decimals per GB of disk, rounded up: with 100 GB that is less than this."""


# What `aurora conformance` looks at, too


@promise(*(rule for rule in LIVE if rule != "credit"))
async def test_the_read_only_examination_finds_no_promise_broken(described):
    seen = {}

    def watched(clock):
        seen["watch"] = Watch(clock)
        return seen["watch"].guard(DirectGuard())

    async with described.market(guard=watched) as market:
        report = await examine(Subject(market.provider, seen["watch"], absent_id=market.absent_id))

    assert [(each.rule, each.seen, each.examples) for each in report.broken] == []
    assert {each.rule for each in report.findings if each.verdict is Verdict.OPEN} == set()
    assert report.refused_writes == 0
    assert sum(each.requests for each in report.timings) == market.requests()


@promise("credit")
async def test_the_money_left_is_told(market):
    report = await market.provider.health()

    assert report.credit_usd > 0


@promise("catalogue")
async def test_the_catalogue_is_walked_to_its_end_and_every_offer_belongs_to_its_slice(market):
    pages = await walk(market.provider)

    found = [offer for page in pages for offer in page.offers]
    assert market.offer_id in {offer.external_id for offer in found}
    assert len({offer.id for offer in found}) == len(found)
    assert all(offer.slice_key == page.cursor.slice_key for page in pages for offer in page.offers)
    assert all(page.complete and page.read_at is not None for page in pages)


@promise("catalogue")
async def test_a_slice_that_does_not_exist_is_empty_and_complete(market):
    page = await market.provider.offers_page(Cursor("no such GPU"))

    assert (page.offers, page.next, page.complete) == ((), None, True)


@promise("known-offers")
async def test_known_offers_have_the_price_that_was_worked_out_by_hand(described, market):
    table = known_offers(described)["offers"]
    described.show(market, table)

    found = await offers(market.provider)

    assert len(table) >= 3
    for row in table:
        offer, said = found[row["offer"]], Decimal(row["usd_per_gpu_hour"])
        assert offer.gpu.name.startswith(row["gpu"]), row["arithmetic"]
        assert offer.gpu_count == row["gpus"], row["arithmetic"]
        assert abs(offer.price_per_gpu_hour(row["disk_gb"]) - said) < NINE_PLACES, row["arithmetic"]


# Quotes, and what is taken


@promise("quote", "quote-fresh")
async def test_a_quote_says_the_price_with_the_disk_asked_for(market):
    offer = (await offers(market.provider))[market.offer_id]

    quote = await market.provider.quote(market.offer_id, gpu_count=offer.gpu_count, disk_gb=100)

    assert quote.offer_id == offer.id
    assert quote.firm is not market.auction
    assert abs(quote.usd_per_hour - offer.price_with_disk(100)) < NINE_PLACES
    assert (quote.usd_per_hour > offer.price_per_hour) is not market.free_disk


@promise("quote-fresh")
async def test_a_quote_is_never_answered_from_a_cache(market):
    await market.provider.quote(market.offer_id, gpu_count=1, disk_gb=10)

    assert {key for operation, _, key in market.guard.passed if operation is Operation.QUOTE} == {None}


@promise("quote")
async def test_a_quote_for_another_number_of_gpus_is_gone(market):
    with pytest.raises(OfferGone):
        await market.provider.quote(market.offer_id, gpu_count=7, disk_gb=10)


@promise("taken")
async def test_a_taken_offer_is_gone_for_the_quote_and_for_the_next_create(market):
    await market.launch()

    with pytest.raises(OfferGone):
        await market.provider.quote(market.offer_id, gpu_count=1, disk_gb=10)
    with pytest.raises((OfferGone, NoCapacity)):
        await market.provider.create(market.spec(2))


@promise("at-once")
async def test_two_creates_at_once_give_one_instance_and_where_nothing_certain_is_taken_two(
    described, market
):
    results = await asyncio.gather(
        *(market.provider.create(market.spec(number)) for number in (1, 2)), return_exceptions=True
    )

    both = "taken" in exempt(described)
    created, other = sorted(results, key=lambda each: isinstance(each, Exception))
    assert created.external_id
    assert isinstance(other, Created if both else OfferGone | NoCapacity)
    assert len({each.name for each in await market.provider.list_own()}) == (2 if both else 1)


@promise("at-once")
async def test_calls_may_run_at_the_same_time(market):
    created = await market.launch()

    seen = await asyncio.gather(*(market.provider.status(created.external_id) for _ in range(8)))

    assert {each.external_id for each in seen} == {created.external_id}


# A life


@promise("found-by-name")
async def test_what_was_created_is_found_by_its_name_with_the_charged_price(market):
    created = await market.launch()

    seen = await market.provider.status(created.external_id)

    assert (seen.external_id, seen.name) == (created.external_id, NAME.format(1))
    assert seen.state is InstanceState.RUNNING
    assert (seen.usd_per_hour or 0) > 0 or not market.tells_charge
    listed = await market.provider.list_own()
    assert [(each.external_id, each.name) for each in listed] == [(created.external_id, NAME.format(1))]


@promise("terminate-twice", "absence")
async def test_terminating_twice_or_what_never_was_is_fine(market):
    created = await market.launch()

    await market.provider.terminate(created.external_id)
    await market.provider.terminate(created.external_id)
    await market.provider.terminate(market.absent_id)

    assert await market.provider.list_own() == ()
    with pytest.raises(InstanceNotFound):
        await market.provider.status(created.external_id)


@promise("states")
async def test_every_documented_status_has_its_state_alone_and_in_the_list(described, market):
    created = await market.launch()
    found = {}
    for status in described.statuses:
        market.set_status(created.external_id, status)
        seen = await market.provider.status(created.external_id)
        listed = {each.external_id: each.state for each in await market.provider.list_own()}
        found[status] = seen.state
        # what is over for good may be left out of the list
        assert listed.get(created.external_id, seen.state) is seen.state

    assert found == described.statuses
    assert InstanceState.RUNNING in found.values()


@promise("unknown-status")
async def test_an_unknown_status_is_kept_and_is_no_failure(market):
    created = await market.launch()

    market.set_status(created.external_id, "strange")

    seen = await market.provider.status(created.external_id)
    assert seen.state is InstanceState.UNKNOWN
    assert "strange" in seen.raw_state


@promise("pages")
async def test_own_instances_are_listed_to_the_last_page(described, market):
    created = await market.launch()
    there = described.crowd(market, created.external_id)
    before = market.requests()

    found = await market.provider.list_own()

    assert len({each.external_id for each in found}) == there
    assert market.requests() - before >= 2


# Logs


@promise("logs")
async def test_logs_are_the_last_lines_oldest_first(market):
    created = await market.launch()
    market.write_logs(created.external_id, *(f"line {n}" for n in range(10)))

    assert await collect(market.provider.logs(created.external_id, tail=3)) == ["line 7", "line 8", "line 9"]


@promise("follow")
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


# The frame


@promise("guard")
async def test_every_request_passes_the_guard_exactly_once(market):
    created = await market.launch()
    await walk(market.provider)
    for operation, ask in calls(market, created.external_id).items():
        if operation is not Operation.CREATE:
            await ask()

    assert market.requests() == len(market.guard.passed)
    assert {operation for operation, _, _ in market.guard.passed} == market.operations


@promise("key", "secrets")
async def test_a_refused_key_is_said_and_no_secret_is_in_any_error_or_log_line(market, caplog):
    caplog.set_level(0)
    market.refuse_key()
    login = f"joe:{ENV_SECRET}@registry.example"

    for ask in calls(market, market.absent_id, registry_login=login).values():
        with pytest.raises(CredentialRefused) as caught:
            await ask()
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(market.provider)
        assert not [secret for secret in market.secrets if secret in shown]
    assert not [secret for secret in market.secrets if secret in caplog.text]


@promise("metrics")
async def test_outcomes_are_counted_and_refusals_do_not_spoil_the_rate(market):
    assert market.provider.get_metrics().get_success_rate() is None
    await market.provider.health()
    with pytest.raises(InstanceNotFound):
        await market.provider.status(market.absent_id)

    assert market.provider.get_metrics().get_success_rate() == 1.0


@promise("billing")
async def test_capabilities_and_the_billing_rule_are_said(market):
    assert market.provider.capabilities.deploy is True
    assert market.provider.billing.cost(Decimal(1), 3600) == Decimal(1)


@promise("closed")
async def test_a_provider_that_is_closed_raises_provider_errors_only(market):
    await market.provider.aclose()

    (answer,) = await asyncio.gather(market.provider.health(), return_exceptions=True)

    assert isinstance(answer, ProviderError | HealthReport)
    assert not isinstance(answer, Unavailable)
