"""What config/providers.yaml leaves in and puts right."""

from dataclasses import replace

from aurora.domain.gpu import GpuModel
from aurora.providers.base import Cursor, OffersPage
from aurora.services.offer_rule import OfferRule
from tests.unit.lifecycle.world import offer


def test_only_the_wanted_families_are_kept_and_the_others_are_counted():
    page = OffersPage(Cursor("all"), (offer("1"), replace(offer("2"), gpu=GpuModel("t4"))))

    kept = OfferRule(frozenset({"a100"})).apply(page)

    assert [one.external_id for one in kept.offers] == ["1"]
    assert [(one.reason, one.count) for one in kept.rejected] == [("gpu_not_in_config", 1)]
    assert OfferRule().apply(page) == page


def test_only_an_offer_of_unknown_place_gets_the_default_region():
    page = OffersPage(Cursor("all"), (offer("1"), replace(offer("2"), regions=frozenset())))

    kept = OfferRule(region="eu-central").apply(page)

    assert [one.regions for one in kept.offers] == [frozenset({"us-west"}), frozenset({"eu-central"})]
