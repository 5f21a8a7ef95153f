"""What the emulated market has on offer."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from aurora.emulators import seed_files
from aurora.emulators.vastai.catalogue import build_catalogue
from aurora.emulators.vastai.offer import Question
from aurora.emulators.vastai.places import WANTED

NOW = datetime(2026, 11, 2, tzinfo=UTC)
CAPTURES = ("vast_bundles_a100_2026-06-03.json.gz", "vast_bundles_rtx4090_2024-07-30.json.gz")


@pytest.fixture(scope="module")
def catalogue():
    return build_catalogue(seed=0, size=2400, now=NOW)


@pytest.fixture(scope="module")
def free(catalogue):
    return [offer.fields for offer in catalogue.offers if catalogue.strangers.isdisjoint(offer.gpu_ids)]


def test_the_market_has_as_many_offers_as_asked_for_and_ids_of_their_own(catalogue):
    assert len(catalogue.offers) == 2400
    assert len({offer.id for offer in catalogue.offers}) == 2400
    assert len(build_catalogue(seed=0, size=5, now=NOW).offers) == 5


def test_the_seed_decides(catalogue):
    again = build_catalogue(seed=0, size=2400, now=NOW)
    later = build_catalogue(seed=0, size=50, now=NOW + timedelta(days=9))
    other = build_catalogue(seed=1, size=2400, now=NOW)

    assert [offer.fields for offer in again.offers] == [offer.fields for offer in catalogue.offers]
    assert [offer.id for offer in later.offers] == [offer.id for offer in catalogue.offers[:50]]
    assert [offer.fields for offer in other.offers] != [offer.fields for offer in catalogue.offers]


@pytest.mark.parametrize(("name", "storage_gb"), [(CAPTURES[0], 5.0), (CAPTURES[1], 5.0)])
def test_captured_offers_are_word_for_word_but_for_their_dates(catalogue, name, storage_gb):
    offers = {offer.id: offer for offer in catalogue.offers}
    for captured in seed_files.document(name)["offers"]:
        offer = offers[captured["id"]]
        shown = {**offer.fields, **offer.answer(Question(NOW, storage_gb))}

        assert shown.keys() == captured.keys()
        assert shown["end_date"] - NOW.timestamp() == pytest.approx(shown["duration"], abs=1e-3)
        assert shown["duration"] == pytest.approx(captured["duration"], abs=1e-3)
        for field in captured.keys() - {"end_date", "start_date", "duration"}:
            expected = captured[field]
            approx = pytest.approx(expected, rel=1e-9) if isinstance(expected, float | dict) else expected
            assert shown[field] == approx, field


def test_synthetic_offers_say_so_and_captured_ones_do_not(catalogue):
    captured = {offer["id"] for name in CAPTURES for offer in seed_files.document(name)["offers"]}

    assert all((offer.id in captured) != bool(offer.fields.get("synthetic")) for offer in catalogue.offers)
    assert all(offer.fields.get("emulated") is offer.fields.get("synthetic") for offer in catalogue.offers)


@pytest.mark.parametrize("family", ["A100", "H100", "RTX 4090", "Tesla T4"])
@pytest.mark.parametrize("region", list(WANTED))
def test_every_wanted_gpu_is_there_in_every_wanted_region_in_every_size(free, family, region):
    asks = [
        ask
        for ask in free
        if ask["gpu_name"].startswith(family)
        and ask["geolocation"] in WANTED[region]
        and ask["verification"] == "verified"
        and ask["dph_base"] / ask["num_gpus"] < 5
    ]

    assert len([ask for ask in asks if ask["num_gpus"] == 1]) >= 10
    assert {1, 2, 4, 8} <= {ask["num_gpus"] for ask in asks}


def test_the_market_is_as_mixed_as_the_real_one(catalogue):
    rows = [offer.fields for offer in catalogue.offers]
    names = {row["gpu_name"] for row in rows}

    assert {"B200", "H200", "RTX 5090", "RTX 3090", "L40S", "RTX A6000", "A40", "RTX PRO 6000 WS"} <= names
    assert {"Emu X9000", "RTX 6090 FE"} <= names  # names that no table knows
    assert {row["verification"] for row in rows} == {"verified", "unverified", "deverified"}
    assert any(row["geolocation"] is None for row in rows)
    assert any(row["start_date"] is None for row in rows)
    assert any(row["reliability2"] < 0.85 for row in rows)
    assert any("resource_type" not in row for row in rows)  # the field set of 2024
    assert {row["hosting_type"] for row in rows} == {0, 1}
    assert 0 < len(catalogue.strangers) < 500


def test_hosts_own_several_machines(catalogue):
    machines: dict[int, set[int]] = {}
    for offer in catalogue.offers:
        machines.setdefault(offer.fields["host_id"], set()).add(offer.machine_id)

    assert sum(len(owned) > 2 for owned in machines.values()) > 20


def test_prices_lie_about_what_the_market_data_says(catalogue):
    h100 = sorted(
        o.fields["dph_base"] / o.fields["num_gpus"]
        for o in catalogue.offers
        if o.fields["gpu_name"] == "H100 SXM"
    )

    assert 1.5 < h100[len(h100) // 2] < 2.3


def test_every_offer_is_plain_json(catalogue):
    assert json.loads(json.dumps([offer.fields for offer in catalogue.offers]))


def test_offers_of_a_machine_cut_its_gpus_in_halves(catalogue):
    machine = next(o.machine_id for o in catalogue.offers if o.fields["num_gpus"] == 8)
    asks = [o.fields for o in catalogue.offers if o.machine_id == machine]

    assert sorted(ask["num_gpus"] for ask in asks) == [1] * 8 + [2] * 4 + [4] * 2 + [8]
    assert all(ask["gpu_frac"] == ask["num_gpus"] / 8 for ask in asks)
    assert len({gpu for ask in asks for gpu in ask["gpu_ids"]}) == 8
