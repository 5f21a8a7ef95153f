"""The read-only examination can fail: each promise broken once, and nothing else is said to be broken."""

from dataclasses import replace
from decimal import Decimal

import pytest

from aurora.conformance.examine import Subject, examine
from aurora.conformance.report import Verdict
from aurora.conformance.rules import LIVE, RULES
from aurora.conformance.watch import Watch
from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    MalformedAnswer,
    NotSent,
    OfferGone,
    RateLimited,
)
from aurora.domain.gpu import GpuModel
from aurora.domain.offer import PriceKind
from aurora.domain.operation import Operation as Op
from aurora.providers.base import Capabilities, Rejection
from aurora.providers.fake import FakeProvider, Pace
from aurora.providers.metrics import DirectGuard
from tests.unit.providers.loopback import SkippingClock, make_offer, make_spec


class Lying(FakeProvider):
    """Tells pages, lists and quotes as they come out of `page`, `own` and `price`."""

    page = staticmethod(lambda page: page)
    own = staticmethod(lambda found: found)
    price = staticmethod(lambda quote: quote)

    async def offers_page(self, cursor):
        return self.page(await super().offers_page(cursor))

    async def list_own(self):
        return self.own(await super().list_own())

    async def quote(self, *args, **more):
        return self.price(await super().quote(*args, **more))


class Room:
    def __init__(self, offers=None, **more):
        self.clock = SkippingClock()
        self.watch = Watch(self.clock)
        offers = [make_offer(str(n), slice_key="A100") for n in range(60)] if offers is None else offers
        self.provider = Lying(
            clock=self.clock,
            guard=self.watch.guard(DirectGuard()),
            offers=offers,
            pace=Pace(boot_s=0, page_size=25),
            **more,
        )

    async def broken(self, **more):
        self.report = await examine(Subject(self.provider, self.watch, **more))
        return {each.rule: each for each in self.report.broken}


@pytest.fixture
def room():
    return Room()


def each_offer(**changes):
    return lambda page: replace(page, offers=tuple(replace(each, **changes) for each in page.offers))


async def test_a_market_that_keeps_its_promises_breaks_none(room):
    assert await room.broken() == {}
    assert {each.verdict for each in room.report.findings} == {Verdict.KEPT}
    assert [each.rule for each in room.report.findings] == list(LIVE)
    assert room.report.offers == 60
    assert {each.operation for each in room.report.timings} == set(Op) - {Op.CREATE, Op.TERMINATE}


@pytest.mark.parametrize(
    ("page", "rule"),
    [
        (each_offer(slice_key="elsewhere"), "catalogue"),
        (lambda page: replace(page, offers=page.offers * 2), "catalogue"),
        (each_offer(provider="somebody"), "rows"),
        (each_offer(gpu_count=0), "rows"),
        (each_offer(available=-1), "rows"),
        (each_offer(vram_gb=81920.0), "rows"),
        (lambda page: replace(page, offers=(), rejected=(Rejection("id is missing", 25),)), "rows"),
        (each_offer(gpu=GpuModel("x9", None, None, known=False), gpu_raw="X9"), "vocabulary"),
        (each_offer(region_raw="the moon"), "vocabulary"),
        (each_offer(price_per_hour=Decimal("0.001")), "prices"),
        (each_offer(price_per_hour=Decimal(900)), "prices"),
    ],
)
async def test_a_catalogue_that_is_not_what_it_should_be_is_found_out(room, page, rule):
    room.provider.page = page

    assert rule in await room.broken()


async def test_a_catalogue_that_is_cut_proves_nothing_about_the_adapter(room):
    room.provider.page = lambda page: replace(page, complete=False, next=None)

    assert await room.broken() == {}
    catalogue = room.report.findings[LIVE.index("catalogue")]
    assert (catalogue.verdict, catalogue.examples) == (Verdict.OPEN, ("A100",))
    assert "PROVIDER_MAX_ROWS" in catalogue.seen


async def test_a_price_that_promises_more_than_the_market_does_is_found_out():
    room = Room(capabilities=Capabilities(price_kind=PriceKind.ESTIMATE))

    assert set(await room.broken()) == {"prices"}


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda quote: replace(quote, usd_per_hour=quote.usd_per_hour * 2), "apart"),
        (lambda quote: replace(quote, offer_id="fake:other"), "is for fake:other"),
    ],
)
async def test_a_quote_that_does_not_agree_with_the_list_is_found_out(room, change, seen):
    room.provider.price = change

    broken = await room.broken()

    assert set(broken) == {"quote"}
    assert seen in broken["quote"].seen


async def test_a_firm_quote_of_an_estimate_is_found_out():
    room = Room([make_offer("1", price_kind=PriceKind.ESTIMATE)])
    room.provider.price = lambda quote: replace(quote, firm=True)

    assert set(await room.broken()) == {"quote"}


async def test_offers_that_are_gone_meanwhile_prove_nothing(room):
    room.provider.script.fail_always(Op.QUOTE, OfferGone("fake", "taken"))

    assert await room.broken() == {}
    (quote,) = (each for each in room.report.findings if each.rule == "quote")
    assert quote.verdict is Verdict.OPEN


async def test_a_list_that_shows_an_instance_twice_is_found_out(room):
    plain = FakeProvider(clock=room.clock, guard=DirectGuard(), offers=[make_offer("1")], pace=Pace(boot_s=0))
    await plain.create(make_spec("1"))
    found = await plain.list_own()
    room.provider.own = lambda _: (*found, *found)

    assert set(await room.broken()) == {"own-list"}


async def test_an_instance_that_exists_although_nobody_has_it_is_found_out(room):
    room.provider.status = lambda _: room.provider.health()

    broken = await room.broken()

    assert set(broken) == {"absence"}
    assert broken["absence"].examples == ("its status: an answer",)


async def test_absence_in_other_words_is_found_out(room):
    room.provider.script.fail_always(Op.STATUS, MalformedAnswer("fake", "what?"))

    assert (await room.broken())["absence"].examples == ("its status: malformed_answer: what?",)


async def test_a_market_that_does_not_answer_is_asked_nothing_more(room):
    room.provider.script.fail_always(Op.HEALTH, NotSent("fake", "refused"))

    assert set(await room.broken()) == {"reachable"}
    assert room.report.reached is False
    assert sum(each.requests for each in room.report.timings) == 1
    assert {each.verdict for each in room.report.findings} == {Verdict.BROKEN, Verdict.SKIPPED}


async def test_a_refused_key_is_the_only_finding(room):
    room.provider.script.fail_always(Op.HEALTH, CredentialRefused("fake", "401"))

    assert set(await room.broken()) == {"key"}
    assert room.report.reached is True
    assert sum(each.requests for each in room.report.timings) == 1


@pytest.mark.parametrize("operation", [Op.OFFERS, Op.LIST])
async def test_a_rate_limit_proves_nothing(room, operation):
    room.provider.script.fail_always(operation, RateLimited("fake", "slow down", retry_after=60))

    assert await room.broken() == {}
    assert Verdict.OPEN in {each.verdict for each in room.report.findings}


async def test_without_a_key_only_offers_are_read(room):
    assert await room.broken(keyless=True) == {}
    skipped = {each.rule for each in room.report.findings if each.verdict is Verdict.SKIPPED}
    assert skipped == {"key", "own-list", "absence"}


async def test_no_write_passes_whatever_the_adapter_does(room):
    async def writes(external_id):
        await room.provider.terminate(external_id)
        raise InstanceNotFound("fake", "gone")

    room.provider.status = writes
    await room.broken()

    assert room.report.refused_writes == 1
    assert room.provider.count(Op.TERMINATE) == 0
    assert room.provider.count(Op.CREATE) == 0


async def test_as_many_slices_as_were_asked_for_are_read_and_it_is_said():
    room = Room([make_offer(str(n), slice_key=f"slice {n}") for n in range(6)])

    assert await room.broken(slices=2) == {}
    assert "2 offers on 2 pages, 2 of 6 slices" in room.report.findings[LIVE.index("catalogue")].seen


def test_headers_about_limits_are_kept_and_no_others():
    watch = Watch(SkippingClock())

    watch.heard({"X-RateLimit-Remaining": "7", "Retry-After": "3", "Set-Cookie": "secret"})

    assert watch.limit_headers == {"X-RateLimit-Remaining": "7", "Retry-After": "3"}


def test_every_rule_has_one_name_and_a_sentence():
    assert all(rule.name == name and rule.promise for name, rule in RULES.items())
    assert all(RULES[name].live for name in LIVE)
