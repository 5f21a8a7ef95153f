from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from aurora.emulators.meter import Meter, Rate

START = datetime(2026, 1, 1, tzinfo=UTC)
rates = st.tuples(st.integers(0, 500), st.integers(0, 50)).map(
    lambda pair: Rate(Decimal(pair[0]) / 100, Decimal(pair[1]) / 1000)
)
switches = st.lists(st.tuples(st.integers(0, 5_000), rates), max_size=8).map(
    lambda pairs: sorted(pairs, key=lambda pair: pair[0])
)


def at(seconds):
    return START + timedelta(seconds=seconds)


def metered(changes):
    meter = Meter(START)
    for seconds, rate in changes:
        meter.switch(at(seconds), rate)
    return meter


def test_a_second_costs_a_3600th_of_an_hour():
    meter = metered([(10, Rate(gpu=Decimal(36), disk=Decimal("3.6")))])

    assert meter.bill(at(11)).gpu == Decimal("0.01")
    assert meter.bill(at(11)).disk == Decimal("0.001")
    assert meter.bill(at(10)).total == 0


@given(changes=switches, cut=st.integers(0, 6_000))
def test_two_windows_side_by_side_cost_what_the_whole_costs(changes, cut):
    meter = metered(changes)
    whole = meter.bill(at(6_000)).total

    parts = meter.window(START, at(cut)).total + meter.window(at(cut), at(6_000)).total

    assert abs(whole - parts) < Decimal("1e-20")


@given(changes=switches, earlier=st.integers(0, 6_000), later=st.integers(0, 6_000))
def test_a_bill_never_falls(changes, earlier, later):
    meter = metered(changes)
    last = max([seconds for seconds, _ in changes], default=0)
    first, second = sorted((last + earlier, last + later))

    assert meter.bill(at(first)).total <= meter.bill(at(second)).total
