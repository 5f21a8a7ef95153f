"""The columns say what the filters say of each offer, and what is remembered changes no answer."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.request import ComputeRequest
from aurora.routing.candidate import Candidate
from aurora.routing.filters import LOOKED_AT_BY, Reason, told
from aurora.routing.fit import MAX_AGE, Asked
from aurora.routing.judged import Judged
from aurora.routing.near import Near
from aurora.routing.rack import Rack
from aurora.routing.router import decide
from aurora.routing.sieve import sift
from aurora.routing.snapshot import Aisle
from aurora.routing.step import YIELDING
from tests.unit.routing.market import NOW, REGIONS, candidate, request, snapshot
from tests.unit.routing.strategies import markets, requests

EXTRAS = st.fixed_dictionaries(
    {
        "disk_max_gb": st.sampled_from([None, 8.0, 500.0]),
        "max_duration_s": st.sampled_from([None, 60.0, 1e9]),
        "max_ports": st.sampled_from([None, 0]),
    }
)
WORKLOADS = st.fixed_dictionaries(
    {
        "disk_gb": st.sampled_from([16.0, 4.0, 100.0]),
        "command": st.sampled_from([(), ("sleep", "1")]),
        "ports": st.sampled_from([(), ("80/tcp",), ("53/udp",)]),
    }
)


@settings(max_examples=200, deadline=None)
@given(found=markets(), asked_for=requests(), extra=EXTRAS, workload=WORKLOADS, held=st.booleans())
def test_the_columns_are_what_the_filters_say_of_each_offer(
    found: list[Candidate], asked_for: ComputeRequest, extra: dict, workload: dict, held: bool
) -> None:
    until = NOW + timedelta(seconds=5 if held else -5)
    changed = [
        replace(one, offer=replace(one.offer, **extra), held_until=until if place % 3 else None)
        for place, one in enumerate(found)
    ]
    asked_for = replace(asked_for, workload=replace(asked_for.workload, **workload))
    asked = Asked(asked_for, regions=REGIONS, now=NOW)
    judged = Judged.of(snapshot(changed), asked)
    assert len(judged.rack) == sum(one.offer.gpu.family == asked_for.gpu.family for one in changed)
    for index in range(len(judged.rack)):
        one = judged.rack.candidate(index)
        said = tuple(reason for reason in Reason if told(reason, one, asked) is not None)
        assert judged.reasons(index) == said
        assert (index in judged.passing) is (not said)
        fit = asked.fit(one)
        figures = (judged.price[index], judged.latency_ms[index], judged.gpus[index], judged.needed[index])
        assert figures == (fit.price, fit.latency_ms, fit.gpus, fit.capacity_needed)
        assert abs(fit.price - float(fit.effective_usd)) <= 1e-12 * fit.price


VALUES = {
    "region": st.sampled_from(["global", "us-west", "eu-west"]),
    "gpu": st.sampled_from([GpuQuery("a100"), GpuQuery("a100", "sxm", 80)]),
    "allow_larger": st.booleans(),
    "gpu_count": st.sampled_from([1, 2, 8]),
    "min_vram_gb": st.sampled_from([None, 30.0, 48.0]),
    "max_latency_ms": st.sampled_from([25.0, 80.0, 500.0]),
    "min_reputation": st.sampled_from([0.0, 70.0, 95.0]),
    "max_price": st.sampled_from([Decimal("0.40"), Decimal(2), Decimal(9)]),
    "max_total_cost": st.sampled_from([None, Decimal("0.80"), Decimal(6)]),
    "spot": st.booleans(),
    "providers": st.sampled_from([frozenset[str](), frozenset({"vastai", "akash"})]),
    "exclude_providers": st.sampled_from([frozenset[str](), frozenset({"akash"})]),
    "policy": st.sampled_from(["balanced", "round-robin"]),
    "min_g_score": st.sampled_from([None, 50.0]),
    MAX_AGE: st.sampled_from([900.0, 60.0, 9000.0]),
}


def test_every_field_that_a_filter_is_named_for_is_changed_here() -> None:
    assert set(LOOKED_AT_BY) < set(VALUES)


@settings(max_examples=60, deadline=None)
@given(found=markets(), asked_for=requests(), values=st.fixed_dictionaries(VALUES), looked=st.booleans())
def test_asking_only_the_filters_that_a_change_concerns_is_asking_all(
    found: list[Candidate], asked_for: ComputeRequest, values: dict, looked: bool
) -> None:
    asked_for = replace(asked_for, gpu=GpuQuery("a100", vram_gb=asked_for.gpu.vram_gb))
    asked = Asked(asked_for, regions=REGIONS, now=NOW, rejects=lambda state: {"salad": "no"}.get(state.name))
    judged = Judged.of(snapshot(found), asked)
    if looked:
        assert len(judged.latency_ms) == len(judged.price) == len(judged.needed)
    for one, other in [(name, name) for name in values] + list(pairwise(values)):
        changes = {one: values[one], other: values[other]}
        changed = asked.changed(changes)
        everything = Judged(judged.rack, changed)

        again = judged.again(changed, changes)

        assert again.refused.tolist() == everything.refused.tolist()
        assert again.price.tolist() == everything.price.tolist()
        assert again.latency_ms.tolist() == everything.latency_ms.tolist()
        assert again.gpus.tolist() == everything.gpus.tolist()


@settings(max_examples=60, deadline=None)
@given(found=markets(), asked_for=requests(), limit=st.sampled_from(["max_price", "max_total_cost"]))
def test_a_limit_that_is_just_the_price_refuses_as_the_exact_price_does(
    found: list[Candidate], asked_for: ComputeRequest, limit: str
) -> None:
    """Where a float cannot tell, the Decimal does."""
    hours = asked_for.gpu_hours if limit == "max_total_cost" else Decimal(1)
    for one in found:
        exact = Asked(asked_for, regions=REGIONS, now=NOW).fit(one).effective_usd * hours
        for tight in (exact, exact.next_minus(), exact.next_plus()):
            asked = Asked(replace(asked_for, **{limit: tight}), regions=REGIONS, now=NOW)
            judged = Judged(Rack.of(one.offer.gpu.family, [one]), asked)
            assert (Reason.PRICE in judged.reasons(0)) is (told(Reason.PRICE, one, asked) is not None)


@settings(max_examples=100, deadline=None)
@given(found=markets(), asked_for=requests())
def test_what_was_decided_before_changes_no_answer(found: list[Candidate], asked_for: ComputeRequest) -> None:
    warm = snapshot(found)
    first = decide(warm, asked_for, now=NOW)
    other = replace(asked_for, gpu_hours=asked_for.gpu_hours * 7, gpu_count=asked_for.gpu_count + 1)
    decide(warm, other, now=NOW)

    assert decide(warm, asked_for, now=NOW) == first == decide(snapshot(found), asked_for, now=NOW)


@settings(max_examples=60, deadline=None)
@given(found=markets(), asked_for=requests(), place=st.integers(0, 24))
def test_a_rack_with_one_candidate_taken_is_as_if_made_anew(
    found: list[Candidate], asked_for: ComputeRequest, place: int
) -> None:
    market = snapshot(found)
    decide(market, asked_for, now=NOW)
    racks = [rack for aisle in market.aisles for rack in aisle.racks.values()]
    if not racks:
        return
    rack = racks[place % len(racks)]
    index = place % len(rack)
    taken = replace(rack.candidate(index), free=0.0, total=4.0)
    listed = replace(rack.candidate(index), total=4.0)
    racks[place % len(racks)] = Rack.of(
        rack.family, [listed if at == index else rack.candidate(at) for at in range(len(rack))]
    ).take(index, taken)
    patched = replace(market, aisles=(Aisle.of(racks),))
    fresh = snapshot([taken if one is rack.candidate(index) else one for one in found])

    assert decide(patched, asked_for, now=NOW) == decide(fresh, asked_for, now=NOW)


@given(found=markets(), asked_for=requests())
@settings(max_examples=60, deadline=None)
def test_eliminations_are_counted_without_being_written(
    found: list[Candidate], asked_for: ComputeRequest
) -> None:
    asked = Asked(asked_for, regions=REGIONS, now=NOW)
    passed, eliminated = sift(snapshot(found), asked)

    assert len(passed) + len(eliminated) == len(found)
    for reason in Reason:
        assert eliminated.counts.get(reason, 0) == sum(one.reason is reason for one in eliminated)
        assert list(eliminated.by(reason)) == [one for one in eliminated if one.reason is reason]
    by_id = {one.id: one for one in found}
    for one in eliminated:
        assert one.detail == told(one.reason, by_id[one.offer_id], asked) != ""


def test_examples_are_different_ones_first() -> None:
    dear = [candidate(str(number), price="9") for number in range(6)]
    dearer = [candidate(str(number), price="11") for number in range(6, 8)]
    _, eliminated = sift(snapshot([*dear, *dearer]), Asked(request(), regions=REGIONS, now=NOW))

    examples = eliminated.examples(Reason.PRICE, 3)

    assert len(examples) == 3
    assert len({one.detail for one in examples}) == 2
    assert len(eliminated.examples(Reason.PRICE, 3, repeat=False)) == 2


@settings(max_examples=80, deadline=None)
@given(found=markets(), asked_for=requests(), cheaper=st.booleans())
def test_near_misses_are_those_that_one_or_two_filters_that_can_give_refuse(
    found: list[Candidate], asked_for: ComputeRequest, cheaper: bool
) -> None:
    asked = Asked(asked_for, regions=REGIONS, now=NOW)
    below = 1.5 if cheaper else None
    expected = []
    for one in sorted(found, key=lambda one: (one.offer.provider, one.offer.external_id)):
        if one.offer.gpu.family != asked_for.gpu.family:
            continue
        refusing = [reason for reason in Reason if told(reason, one, asked) is not None]
        few = 1 <= len(refusing) <= 2 and all(reason in YIELDING for reason in refusing)
        if few and (below is None or asked.fit(one).effective_usd < Decimal(below)):
            expected.append((one.id, tuple(refusing)))

    near = Near.of(Judged.of(snapshot(found), asked), below=below)
    assert [(miss.fit.candidate.id, miss.reasons) for miss in near] == expected


@settings(max_examples=80, deadline=None)
@given(found=markets(), asked_for=requests(), most=st.integers(1, 4))
def test_examples_say_what_the_filters_say(
    found: list[Candidate], asked_for: ComputeRequest, most: int
) -> None:
    _, eliminated = sift(snapshot(found), Asked(asked_for, regions=REGIONS, now=NOW))
    everyone = list(eliminated)

    for reason, number in eliminated.counts.items():
        examples = eliminated.examples(reason, most)
        assert set(examples) <= set(everyone)
        assert len(examples) == len(set(examples)) <= min(most, number)


def test_a_long_ranking_is_in_order_to_its_end() -> None:
    found = [candidate(f"{number:03}", price=str(Decimal(number % 7) + 1)) for number in range(300)]
    decision = decide(snapshot(found), request(max_price=Decimal(50)), now=NOW)

    assert len(decision.ranked) == 300
    ordered = sorted(found, key=lambda one: (one.offer.price_per_hour, one.id))
    assert decision.ranked[0].offer_id == ordered[0].id
    assert decision.ranked[-1].offer_id == ordered[-1].id
    assert [one.offer_id for one in decision.ranked] == [one.id for one in ordered]


def test_examples_from_other_families_are_of_the_reason_asked_for() -> None:
    other = GpuModel("h100", "sxm", 80)
    far = candidate("1", gpu=other, regions=frozenset({"eu-west"}))
    near = candidate("2", gpu=other, regions=frozenset({"us-west"}))
    _, eliminated = sift(snapshot([far, near]), Asked(request(region="us-west"), regions=REGIONS, now=NOW))

    for reason, offer_id in ((Reason.REGION, far.id), (Reason.GPU, near.id)):
        assert [(one.offer_id, one.reason) for one in eliminated.examples(reason, 5)] == [(offer_id, reason)]
