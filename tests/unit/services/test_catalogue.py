"""The offers in memory: swaps, states, completeness, versions."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.db.repositories.offers import SliceState
from aurora.db.repositories.sync_runs import SyncedProvider
from aurora.domain.gpu import GpuModel
from aurora.services.catalogue import Catalogue, CatalogueChange
from tests.fakes.clock import START, FakeClock
from tests.markets import an_offer, offers


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def catalogue(clock):
    return Catalogue(clock=clock)


def read(key: str, *, count: int = 1, age_s: float = 0.0, **more) -> SliceState:
    at = START - timedelta(seconds=age_s)
    return SliceState(key, **{"read_at": at, "complete": True, "offers": count, **more})


def test_an_empty_catalogue_has_no_figures(catalogue):
    state = catalogue.state("market")

    assert list(catalogue.offers()) == []
    assert (state.offers, state.completeness, state.data_age_s, state.last_error) == (0, None, None, None)


def test_what_was_applied_is_found_by_id_and_by_provider(catalogue):
    ours, theirs = an_offer(1), an_offer(1, provider="akash")
    catalogue.apply("market", CatalogueChange(written=[ours]))
    catalogue.apply("akash", CatalogueChange(written=[theirs]))

    assert catalogue.get("market:1") is ours
    assert catalogue.get("market:2") is None
    assert catalogue.get("nowhere:1") is None
    assert list(catalogue.offers()) == [ours, theirs]
    assert list(catalogue.offers(provider="akash")) == [theirs]


def test_an_external_id_may_contain_colons(catalogue):
    found = an_offer("dseq:7:a")
    catalogue.apply("market", CatalogueChange(written=[found]))

    assert catalogue.get(found.id) is found


def test_an_unchanged_offer_is_shown_as_seen_now_and_kept_as_written(catalogue):
    old = an_offer(1, reliability=0.990)
    fresh = replace(old, reliability=0.991, seen_at=START + timedelta(minutes=5))
    catalogue.apply("market", CatalogueChange(written=[old]))
    catalogue.apply("market", CatalogueChange(unchanged=[fresh]))

    assert catalogue.get(old.id) is fresh
    assert catalogue.part("market").written[old.id] is old


def test_what_is_gone_is_not_found_any_more(catalogue):
    catalogue.apply("market", CatalogueChange(written=offers(2)))
    catalogue.apply("market", CatalogueChange(gone={"market:1", "market:unheard-of"}))

    assert [offer.id for offer in catalogue.offers()] == ["market:2"]
    assert list(catalogue.part("market").written) == ["market:2"]


def test_a_snapshot_stays_as_it_was(catalogue):
    catalogue.apply("market", CatalogueChange(written=offers(2)))
    before = catalogue.snapshot
    running = catalogue.offers()
    next(running)

    catalogue.apply("market", CatalogueChange(written=offers(5), gone={"market:1"}))

    assert [offer.external_id for offer in before.offers()] == ["1", "2"]
    assert [offer.external_id for offer in running] == ["2"]
    assert before.get("market:1") is not None
    assert catalogue.get("market:1") is None


def test_a_snapshot_cannot_be_written_to(catalogue):
    catalogue.apply("market", CatalogueChange(written=offers(1)))

    with pytest.raises(TypeError):
        catalogue.part("market").offers["market:2"] = an_offer(2)
    with pytest.raises(TypeError):
        catalogue.snapshot.providers["akash"] = catalogue.part("market")


def test_every_change_makes_another_version(catalogue, clock):
    versions = [catalogue.version]
    for _ in range(3):
        clock.advance(1)
        catalogue.apply("market", CatalogueChange(unchanged=offers(1)))
        versions.append(catalogue.version)

    assert len(set(versions)) == 4
    assert catalogue.taken_at == clock.now()
    assert all(len(version) <= 64 for version in versions)


def test_versions_do_not_come_again_after_a_restart(clock):
    before = Catalogue(clock=clock)
    clock.advance(1)

    assert Catalogue(clock=clock).version != before.version


def test_unknown_gpus_are_kept_and_counted(catalogue):
    mystery = GpuModel("weird-9000", known=False)
    catalogue.apply("market", CatalogueChange(written=[an_offer(1, gpu=mystery), an_offer(2), an_offer(3)]))
    catalogue.apply("market", CatalogueChange(written=[an_offer(2, gpu=mystery)]))
    assert catalogue.state("market").unknown_gpus == 2

    catalogue.apply("market", CatalogueChange(written=[an_offer(1)]))
    assert catalogue.state("market").unknown_gpus == 1

    catalogue.apply("market", CatalogueChange(gone={"market:2"}))
    assert catalogue.state("market").unknown_gpus == 0
    assert catalogue.state("market").offers == 2


def test_completeness_is_weighted_by_offers(catalogue):
    states = [read("a", count=75), read("b", count=25, age_s=901)]
    catalogue.apply("market", CatalogueChange(slices=states))

    assert catalogue.completeness("market") == pytest.approx(0.75)


def test_slices_never_read_weigh_as_much_as_the_others_on_average(catalogue):
    catalogue.apply("market", CatalogueChange(slices=[read("a", count=30), SliceState("b"), SliceState("c")]))

    assert catalogue.completeness("market") == pytest.approx(1 / 3)


def test_nothing_is_complete_before_the_first_read(catalogue):
    catalogue.apply("market", CatalogueChange(slices=[SliceState("a")]))

    assert catalogue.completeness("market") is None


def test_a_slice_that_cannot_be_shown_to_its_end_is_never_complete(catalogue):
    catalogue.apply("market", CatalogueChange(slices=[read("a"), read("b", complete=False)]))

    assert catalogue.completeness("market") == pytest.approx(0.5)
    assert catalogue.read_began_at("market", "a") == START
    assert catalogue.read_began_at("market", "b") is None
    assert catalogue.read_began_at("market", "c") is None


def test_completeness_falls_as_reads_grow_older_than_offers_may(clock):
    catalogue = Catalogue(clock=clock, max_age_s=600)
    catalogue.apply("market", CatalogueChange(slices=[read("a")]))
    clock.advance(600)
    assert catalogue.completeness("market") == 1.0

    clock.advance(1)
    assert catalogue.completeness("market") == 0.0


def test_the_state_says_when_it_went_well_and_what_went_wrong(catalogue, clock):
    line = SyncedProvider("market", START, START - timedelta(minutes=1), "502", 0.5)
    catalogue.note_line(line)
    catalogue.apply("market", CatalogueChange(slices=[read("a", age_s=60), read("b", age_s=10)]))
    clock.advance(5)

    state = catalogue.state("market")

    assert (state.last_sync_at, state.last_success_at) == (line.last_sync_at, line.last_success_at)
    assert (state.last_error, state.data_age_s) == ("502", 15)


def test_dropped_slices_count_no_more(catalogue):
    catalogue.apply("market", CatalogueChange(slices=[read("a"), SliceState("b")]))
    catalogue.apply("market", CatalogueChange(dropped_slices={"b"}))

    assert catalogue.completeness("market") == 1.0


def test_reference_prices_follow_the_offers(catalogue):
    catalogue.apply("market", CatalogueChange(written=[an_offer(1, usd=1), an_offer(2, usd=3)]))
    catalogue.apply("akash", CatalogueChange(written=[an_offer(3, usd=4, provider="akash")]))

    assert catalogue.reference_prices()["a100"] == Decimal(3)
    assert catalogue.snapshot.reference_prices is catalogue.reference_prices()
