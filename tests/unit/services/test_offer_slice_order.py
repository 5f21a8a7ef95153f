"""Which slice is read next."""

from datetime import timedelta

import pytest

from aurora.services.slice_order import Interest, Waiting, next_slice, words
from tests.fakes.clock import START, FakeClock


def order(*waiting: Waiting, hot_first: bool = True) -> list[str]:
    left, found = list(waiting), []
    while left:
        chosen = next_slice(left, hot_first=hot_first)
        left.remove(chosen)
        found.append(chosen.key)
    return found


def waiting(key: str, *, age_s: float | None = None, heat: float = 0.0, **more) -> Waiting:
    return Waiting(key, heat, None if age_s is None else START - timedelta(seconds=age_s), **more)


def test_asked_for_comes_before_never_read_and_that_before_the_oldest():
    found = order(
        waiting("old", age_s=900),
        waiting("never"),
        waiting("hot", age_s=300, heat=0.2),
        waiting("older", age_s=1800),
        waiting("hotter", age_s=300, heat=3.0),
    )

    assert found == ["hotter", "hot", "never", "older", "old"]


def test_what_was_begun_is_finished_first():
    assert order(waiting("hot", heat=5.0), waiting("begun", age_s=10, begun=True)) == ["begun", "hot"]


def test_a_young_slice_waits_though_it_is_asked_for():
    assert order(waiting("young", age_s=5, heat=9.0, young=True), waiting("old", age_s=600)) == [
        "old",
        "young",
    ]


def test_once_the_asked_for_slices_had_their_share_age_alone_decides():
    slices = (waiting("hot", age_s=100, heat=9.0), waiting("old", age_s=600), waiting("never"))

    assert order(*slices, hot_first=False) == ["never", "old", "hot"]


def test_among_equals_the_markets_own_order_decides():
    assert order(waiting("b", position=0), waiting("a", position=1)) == ["b", "a"]


def test_the_common_models_are_asked_for_before_anybody_asked():
    interest = Interest(FakeClock())

    heats = [
        interest.heat(words(key)) for key in ("H100 SXM", "A100 SXM4", "RTX 4090", "Tesla T4", "GTX 1080")
    ]

    assert heats == sorted(heats, reverse=True)
    assert heats[-2] > 0
    assert heats[-1] == 0


def test_one_request_outweighs_what_is_common():
    interest = Interest(FakeClock())

    interest.note("l40s")

    assert interest.heat(words("L40S")) > interest.heat(words("H100 SXM"))


@pytest.mark.parametrize("asked", ["rtx4090", "RTX 4090", "rtx_4090", "4090"])
def test_families_and_slice_keys_mean_the_same_slice(asked):
    interest = Interest(FakeClock(), common={})

    interest.note(asked)

    assert interest.heat(words("RTX 4090")) == 1.0
    assert interest.heat(words("RTX 3090")) == 0.0


def test_interest_halves_in_an_hour_and_adds_up():
    clock = FakeClock()
    interest = Interest(clock, common={})
    interest.note("t4")
    clock.advance(3600)

    interest.note("t4")

    assert interest.heat(["t4"]) == pytest.approx(1.5)


def test_old_interest_is_forgotten():
    clock = FakeClock()
    interest = Interest(clock, common={})
    interest.note("t4")
    clock.advance(24 * 3600)

    interest.note("a100")

    assert interest.heat(["t4"]) == 0.0
