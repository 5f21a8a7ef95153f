from decimal import Decimal

import pytest

from aurora.providers.akash.bids import bids, choose
from aurora.providers.akash.offer_id import OfferId
from tests.unit.providers.akash.booth import FAR, NEAR, OFFER, bid
from tests.unit.providers.akash.samples import sample

WANTED = OfferId.parse("akash", OFFER)
DSEQ = "1785245500842"
OTHER = "akash17erkmem6xcugfnew2c0ujfqtet32j29ztk03jt"


def chosen(*rows, ceiling="3", refused=(), age_s=60.0):
    return choose(
        bids(rows, dseq=DSEQ), wanted=WANTED, ceiling=Decimal(ceiling), refused=refused, age_s=age_s
    )


def test_the_decided_provider_is_preferred_while_it_is_within_the_ceiling():
    found = chosen(bid(DSEQ, FAR, usd=1.0), bid(DSEQ, NEAR, usd=2.9))

    assert found.bid.provider == NEAR


def test_without_the_decided_provider_the_cheapest_is_taken():
    found = chosen(bid(DSEQ, FAR, usd=2.2), bid(DSEQ, OTHER, usd=2.1), bid(DSEQ, NEAR, usd=3.5))

    assert (found.bid.provider, found.bid.usd_per_hour) == (OTHER, Decimal("2.1"))


def test_equal_bids_are_told_apart_by_name_alone():
    first, again = chosen(bid(DSEQ, FAR), bid(DSEQ, OTHER)), chosen(bid(DSEQ, OTHER), bid(DSEQ, FAR))

    assert first.bid == again.bid


def test_the_decided_provider_is_waited_for_a_moment():
    found = chosen(bid(DSEQ, FAR), age_s=5)

    assert (found.bid, found.hopeless) == (None, False)


def test_nobody_is_waited_for_who_has_refused():
    assert chosen(bid(DSEQ, FAR), age_s=5, refused={NEAR}).bid.provider == FAR


@pytest.mark.parametrize(("usd", "taken"), [(3.0, True), (3.0001, False)])
def test_never_more_than_the_ceiling(usd, taken):
    assert (chosen(bid(DSEQ, NEAR, usd=usd)).bid is not None) is taken


def test_bids_that_are_all_too_dear_say_the_cheapest():
    found = chosen(bid(DSEQ, NEAR, usd=3.5), bid(DSEQ, FAR, usd=3.2))

    assert found.hopeless
    assert found.reason == "bids only above the ceiling of $3/h: cheapest $3.2/h"


def test_a_dear_first_bid_is_not_the_end():
    assert not chosen(bid(DSEQ, NEAR, usd=3.5), age_s=10).hopeless


@pytest.mark.parametrize(("age_s", "hopeless"), [(119, False), (120, True)])
def test_silence_is_waited_out(age_s, hopeless):
    assert chosen(age_s=age_s).hopeless is hopeless


@pytest.mark.parametrize("state", ["closed", "lost", "active", ""])
def test_only_open_bids_are_taken_and_closed_ones_alone_are_hopeless(state):
    found = chosen(bid(DSEQ, NEAR, state=state))

    assert (found.bid, found.hopeless) == (None, True)


def test_a_bid_in_a_currency_that_floats_is_not_taken():
    row = bid(DSEQ, NEAR)
    row["bid"]["price"]["denom"] = "uakt"

    assert chosen(row).bid is None


def test_a_bid_for_another_gpu_or_another_order_is_not_taken():
    other = bid(DSEQ, NEAR)
    other["bid"]["resources_offer"][0]["resources"]["gpu"]["attributes"][0]["key"] = (
        "vendor/nvidia/model/a100"
    )

    assert chosen(other).bid is None
    assert chosen(bid("1", NEAR)).bid is None


@pytest.mark.parametrize(
    "name", ["lcd.market.v1beta5.bids.list.json", "lcd.market.v1beta4.bids.2024-04.a.json"]
)
def test_captured_bids_of_both_shapes_are_read(name):
    rows = sample(name)["bids"]
    at = rows[0]["bid"].get("id") or rows[0]["bid"]["bid_id"]

    found = bids(rows, dseq=at["dseq"])

    assert len(found) == len(rows)
    assert {each.state for each in found} <= {"open", "closed", "active", "lost"}
    assert found[0].provider == at["provider"]
