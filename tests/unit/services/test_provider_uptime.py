"""The share of the time in which a provider could be used."""

from datetime import timedelta

import pytest

from aurora.db.repositories.incidents import Incident, IncidentKind
from aurora.services.uptime import measure, window_start
from tests.fakes.clock import START

NOW = START + timedelta(seconds=100)


def down(begin: float, end: float | None) -> Incident:
    ended = None if end is None else START + timedelta(seconds=end)
    return Incident("vastai", IncidentKind.UNAVAILABLE, START + timedelta(seconds=begin), ended_at=ended)


@pytest.mark.parametrize(
    ("spans", "ratio"),
    [
        ([], 1.0),
        ([down(10, 30)], 0.8),
        ([down(-50, 10)], 0.9),
        ([down(90, None)], 0.9),
        ([down(-50, None)], 0.0),
        ([down(10, 30), down(20, 40)], 0.7),
        ([down(20, 25), down(10, 30)], 0.8),
        ([down(0, 10), down(50, 60)], 0.8),
        ([Incident("vastai", IncidentKind.DEGRADED, START)], 1.0),
        ([Incident("vastai", IncidentKind.BREAKER_RESET, START, ended_at=START)], 1.0),
    ],
)
def test_only_unavailable_time_inside_the_window_counts_and_only_once(spans, ratio):
    assert measure(spans, since=START, now=NOW).ratio == pytest.approx(ratio)


def test_without_any_time_there_is_no_ratio():
    assert measure([], since=NOW, now=NOW).ratio is None


def test_the_window_is_a_day_or_as_long_as_somebody_looked():
    assert window_start(NOW, observed_since=START) == START
    assert window_start(START + timedelta(days=3), observed_since=START) == START + timedelta(days=2)
