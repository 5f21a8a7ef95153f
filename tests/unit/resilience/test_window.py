import pytest

from aurora.resilience.verdict import Verdict
from aurora.resilience.window import LastError, Window
from tests.fakes.clock import START


def test_without_data_nothing_is_claimed(clock):
    view = Window(clock).view()
    assert view.success_rate is None
    assert view.avg_response_time is None
    assert view.p95 is None
    assert view.samples == 0
    assert view.last_error is None


def test_the_rate_counts_good_and_bad_and_leaves_neutral_out(clock):
    window = Window(clock)
    for _ in range(3):
        window.record(Verdict.OK, ms=100)
    window.record(Verdict.FAIL, ms=None, code="provider_timeout")
    for _ in range(500):
        window.record(Verdict.NEUTRAL, ms=1, code="provider_rate_limited", detail="slow down")

    view = window.view()
    assert view.success_rate == 0.75
    assert view.samples == 4
    assert view.avg_response_time == 100
    assert view.errors == {"provider_timeout": 1, "provider_rate_limited": 100}
    assert view.last_error == LastError("provider_rate_limited", "slow down", START)


def test_only_the_last_hundred_count(clock):
    window = Window(clock)
    for _ in range(100):
        window.record(Verdict.FAIL, ms=None, code="provider_unavailable")
    for _ in range(90):
        window.record(Verdict.OK, ms=10)
    assert window.success_rate() == (0.9, 100)


def test_what_is_older_than_a_quarter_of_an_hour_is_forgotten(clock):
    window = Window(clock)
    window.record(Verdict.FAIL, ms=None, code="provider_timeout")
    clock.advance(900)
    assert window.success_rate() == (0.0, 1)

    clock.advance(1)
    assert window.success_rate() == (None, 0)
    assert window.view().errors == {}
    assert window.view().last_error is not None


def test_quantiles_are_values_that_occurred(clock):
    window = Window(clock)
    for ms in range(1, 101):
        window.record(Verdict.OK, ms=float(ms))
    view = window.view()
    assert (view.p50, view.p95) == (50, 95)
    assert view.avg_response_time == pytest.approx(50.5)


def test_one_sample_is_every_quantile(clock):
    window = Window(clock)
    window.record(Verdict.OK, ms=7.0)
    assert (window.view().p50, window.view().p95) == (7, 7)


def test_a_long_detail_is_cut(clock):
    window = Window(clock)
    window.record(Verdict.FAIL, ms=None, code="x", detail="y" * 5000)
    assert window.view().last_error is not None
    assert len(window.view().last_error.detail) == 200
