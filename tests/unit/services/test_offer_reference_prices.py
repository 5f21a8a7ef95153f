"""Trailing medians, kept up to date price by price."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from statistics import median

from aurora.db.repositories.offers import PricePoint
from aurora.domain.gpu import GpuModel
from aurora.services.reference_prices import ReferencePrices
from tests.fakes.clock import START
from tests.markets import A100, T4, an_offer

DAY = timedelta(days=1)


def priced(*amounts, **more):
    return [an_offer(number, usd=amount, **more) for number, amount in enumerate(amounts)]


def test_the_median_is_per_gpu_by_family_and_by_model():
    prices = ReferencePrices()

    prices.offered([an_offer(1, usd=8, gpu_count=8), an_offer(2, usd=2), an_offer(3, usd=3)])
    prices.offered([an_offer(4, usd=9, gpu=GpuModel("a100", "pcie", 40))])

    assert prices.medians(START) == {
        "a100": Decimal("2.5"),
        "a100-sxm-80gb": Decimal(2),
        "a100-pcie-40gb": Decimal(9),
    }


def test_a_model_named_as_its_family_counts_once():
    prices = ReferencePrices()

    prices.offered([an_offer(1, usd=1, gpu=GpuModel("a100")), an_offer(2, usd=2), an_offer(3, usd=3)])

    assert prices.medians(START)["a100"] == Decimal(2)


def test_spot_offers_are_no_list_price():
    prices = ReferencePrices()

    prices.offered(priced("0.1", spot=True))

    assert prices.medians(START) == {}


def test_the_same_price_seen_again_counts_once():
    prices = ReferencePrices()
    prices.offered(priced(1, 2, 3))
    prices.offered(priced(1, 2, 3)[:1] * 5)

    assert prices.medians(START)["a100"] == Decimal(2)


def test_a_former_price_counts_for_seven_days():
    prices = ReferencePrices()
    prices.offered(priced(1))
    prices.offered([replace(priced(3)[0], seen_at=START + DAY)])

    assert prices.medians(START + 2 * DAY)["a100"] == Decimal(2)
    assert prices.medians(START + 7 * DAY)["a100"] == Decimal(2)
    assert prices.medians(START + 7 * DAY + timedelta(seconds=1))["a100"] == Decimal(3)


def test_a_price_on_sale_counts_however_old_it_is():
    prices = ReferencePrices()
    prices.offered(priced(1))

    assert prices.medians(START + 30 * DAY)["a100"] == Decimal(1)


def test_a_withdrawn_offer_fades_and_its_model_disappears():
    prices = ReferencePrices()
    prices.offered(priced(1))
    prices.withdrawn([an_offer(0).id, "market:unknown"])

    assert prices.medians(START + DAY)["a100"] == Decimal(1)
    assert prices.medians(START + 8 * DAY) == {}


def test_an_offer_that_changes_its_gpu_counts_for_the_new_one():
    prices = ReferencePrices()
    prices.offered([an_offer(1, gpu=A100)])
    prices.offered([an_offer(1, gpu=T4, seen_at=START + DAY)])

    assert "t4" in prices.medians(START + DAY)
    assert "a100" not in prices.medians(START + 8 * DAY)


def test_history_and_presence_give_the_same_medians_as_having_been_there():
    rng = random.Random(7)
    live, history, present = ReferencePrices(), [], {}
    for step in range(400):
        at = START + step * timedelta(hours=1)
        offer = an_offer(rng.randrange(30), usd=rng.randrange(1, 50), seen_at=at)
        if rng.random() < 0.2 and offer.id in present:
            del present[offer.id]
            live.withdrawn([offer.id])
        else:
            old = present.get(offer.id)
            if old is None or old.price_per_hour != offer.price_per_hour:
                history.append(PricePoint(offer.id, offer.gpu, offer.spot, at, offer.price_per_hour))
            present[offer.id] = offer
            live.offered([offer])

    now = START + 400 * timedelta(hours=1)
    restored = ReferencePrices()
    restored.recall(point for point in history if point.at >= now - 7 * DAY)
    restored.keep_present(present)
    restored.offered(present.values())

    assert restored.medians(now) == live.medians(now)


def test_the_kept_median_is_the_median_of_the_points():
    rng = random.Random(3)
    amounts = [Decimal(rng.randrange(1, 10_000)) / 1000 for _ in range(501)]
    prices = ReferencePrices()
    prices.offered(priced(*amounts))

    assert prices.medians(START)["a100"] == median(amounts)


def test_a_median_has_all_nine_decimals():
    rng = random.Random(5)
    amounts = [Decimal(rng.randrange(1, 10**15)).scaleb(-9) for _ in range(999)]
    prices = ReferencePrices()
    prices.offered(priced(*amounts))

    assert prices.medians(START)["a100"] == median(amounts)
