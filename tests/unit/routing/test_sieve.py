"""The quick verdicts say what the filters say, and what a group remembers changes no answer."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain.request import ComputeRequest
from aurora.routing.bits import mark, marked
from aurora.routing.filters import OFFER_FILTERS, Reason, gpu, group_reason, offer_reason, region
from aurora.routing.fit import Asked
from aurora.routing.marks import Marks
from aurora.routing.relaxation import near_misses
from aurora.routing.router import decide
from aurora.routing.sieve import predicates, sift, verdicts
from aurora.routing.snapshot import Aisle, Candidate
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


@settings(max_examples=150, deadline=None)
@given(found=markets(), asked_for=requests(), extra=EXTRAS, workload=WORKLOADS, held=st.booleans())
def test_a_verdict_is_the_first_filter_that_speaks(
    found: list[Candidate], asked_for: ComputeRequest, extra: dict, workload: dict, held: bool
) -> None:
    asked_for = replace(asked_for, workload=replace(asked_for.workload, **workload))
    asked = Asked(asked_for, regions=REGIONS, now=NOW)
    refusal = verdicts(asked)
    quick = dict(predicates(asked))
    for one in found:
        until = NOW + timedelta(seconds=5) if held else None
        changed = replace(one, offer=replace(one.offer, **extra), held_until=until)
        fit = asked.fit(changed)
        told = offer_reason(fit, asked)
        assert refusal(fit) is (None if told is None else told[0])
        for reason, refuses in OFFER_FILTERS:
            predicate = quick[reason]
            assert (refuses(fit, asked) is not None) == (predicate is not None and predicate(fit))


@settings(max_examples=100, deadline=None)
@given(found=markets(), asked_for=requests())
def test_what_a_group_remembers_changes_no_answer(found: list[Candidate], asked_for: ComputeRequest) -> None:
    warm = snapshot(found)
    first = decide(warm, asked_for, now=NOW)
    other = replace(asked_for, gpu_hours=asked_for.gpu_hours * 7, gpu_count=asked_for.gpu_count + 1)
    decide(warm, other, now=NOW)

    assert decide(warm, asked_for, now=NOW) == first == decide(snapshot(found), asked_for, now=NOW)


@settings(max_examples=60, deadline=None)
@given(found=markets(), asked_for=requests(), place=st.integers(0, 24))
def test_a_group_with_one_candidate_changed_is_as_if_made_anew(
    found: list[Candidate], asked_for: ComputeRequest, place: int
) -> None:
    market = snapshot(found)
    decide(market, asked_for, now=NOW)
    groups = list(market.groups)
    if not groups:
        return
    group = groups[place % len(groups)]
    index = place % len(group.candidates)
    taken = replace(group.candidates[index], free=0.0, total=4.0)
    groups[place % len(groups)] = group.with_candidates({index: taken})
    patched = replace(market, aisles=(Aisle.of(groups),))
    fresh = snapshot([taken if one.id == taken.id else one for one in found])

    assert decide(patched, asked_for, now=NOW) == decide(fresh, asked_for, now=NOW)


@given(found=markets(), asked_for=requests())
@settings(max_examples=60, deadline=None)
def test_eliminations_are_counted_without_being_written(
    found: list[Candidate], asked_for: ComputeRequest
) -> None:
    asked = Asked(asked_for, regions=REGIONS, now=NOW)
    fits, eliminated = sift(snapshot(found), asked)

    assert len(fits) + len(eliminated) == len(found)
    for reason in Reason:
        assert eliminated.counts.get(reason, 0) == sum(one.reason is reason for one in eliminated)
        assert list(eliminated.by(reason)) == [one for one in eliminated if one.reason is reason]
    for group in snapshot(found).groups:
        told = group_reason(group, asked)
        if told is not None:
            assert all(one.detail == told[1] for one in eliminated if one.offer_id in group.ids)


def test_examples_are_different_ones_first() -> None:
    dear = [candidate(str(number), price="9") for number in range(6)]
    dearer = [candidate(str(number), price="11") for number in range(6, 8)]
    _, eliminated = sift(snapshot([*dear, *dearer]), Asked(request(), regions=REGIONS, now=NOW))

    examples = eliminated.examples(Reason.PRICE, 3)

    assert len(examples) == 3
    assert len({one.detail for one in examples}) == 2
    assert len(eliminated.examples(Reason.PRICE, 3, repeat=False)) == 2


@settings(max_examples=80, deadline=None)
@given(found=markets(), asked_for=requests(), extra=EXTRAS, workload=WORKLOADS, held=st.booleans())
def test_marks_are_what_the_filters_say_of_each_offer(
    found: list[Candidate], asked_for: ComputeRequest, extra: dict, workload: dict, held: bool
) -> None:
    until = NOW + timedelta(seconds=5 if held else -5)
    changed = [
        replace(one, offer=replace(one.offer, **extra), held_until=until if place % 3 else None)
        for place, one in enumerate(found)
    ]
    asked = Asked(
        replace(asked_for, workload=replace(asked_for.workload, **workload)), regions=REGIONS, now=NOW
    )
    for group in snapshot(changed).groups:
        taken = group.with_candidates({0: replace(group.candidates[0], free=0.0, total=2.0, held_until=None)})
        for shown in (group, taken, taken, group.with_candidates({})):
            marks = dict(Marks(asked).of(shown))
            for reason, refuses in OFFER_FILTERS:
                told = [refuses(asked.fit(one), asked) is not None for one in shown.candidates]
                assert marks.get(reason, 0) == mark(told)
                assert list(marked(told, mark(told))) == [True] * sum(told)


@settings(max_examples=80, deadline=None)
@given(found=markets(), asked_for=requests(), cheaper=st.booleans())
def test_near_misses_are_those_that_one_or_two_filters_that_can_give_refuse(
    found: list[Candidate], asked_for: ComputeRequest, cheaper: bool
) -> None:
    asked = Asked(asked_for, regions=REGIONS, now=NOW)
    below = Decimal("1.5") if cheaper else None
    expected = []
    for group in snapshot(found).groups:
        if group.gpu.family != asked_for.gpu.family:
            continue
        for one in group.candidates:
            fit = asked.fit(one)
            refusing = [Reason.REGION] if region(group, asked) else []
            refusing += [Reason.GPU] if gpu(group, asked) else []
            refusing += [reason for reason, refuses in OFFER_FILTERS if refuses(fit, asked) is not None]
            few = 1 <= len(refusing) <= 2 and all(reason in YIELDING for reason in refusing)
            if few and (below is None or fit.effective_usd < below):
                expected.append((one.id, tuple(refusing)))

    assert [
        (miss.fit.candidate.id, miss.reasons) for miss in near_misses(snapshot(found), asked, below=below)
    ] == expected


def test_a_long_ranking_is_in_order_to_its_end() -> None:
    found = [candidate(f"{number:03}", price=str(Decimal(number % 7) + 1)) for number in range(300)]
    decision = decide(snapshot(found), request(max_price=Decimal(50)), now=NOW)

    assert len(decision.ranked) == 300
    ordered = sorted(found, key=lambda one: (one.offer.price_per_hour, one.id))
    assert decision.ranked[0].offer_id == ordered[0].id
    assert decision.ranked[-1].offer_id == ordered[-1].id
    assert [one.offer_id for one in decision.ranked] == [one.id for one in ordered]
