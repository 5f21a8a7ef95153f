"""How markets turn time into money."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.billing import BillingRule, BillingUnit
from aurora.domain.money import USD_STEP, usd

PER_SECOND = BillingRule()
PER_BLOCK = BillingRule(BillingUnit.BLOCK, quantum_s=Decimal("6.098"), from_creation=True)
PREPAID = BillingRule(BillingUnit.HOUR_PREPAID, quantum_s=Decimal(3600))
FIVE_MINUTES = BillingRule(minimum_s=300)

rules = st.builds(
    BillingRule,
    quantum_s=st.decimals(min_value="0.001", max_value=7200, places=3),
    minimum_s=st.integers(0, 7200),
)
prices = st.decimals(min_value=0, max_value=1000, places=9)
times = st.floats(0, 1e7)


@pytest.mark.parametrize(
    ("rule", "per_hour", "seconds", "cost"),
    [
        (PER_SECOND, "3.60", 0, "0"),
        (PER_SECOND, "3.60", -5, "0"),
        (PER_SECOND, "3.60", 0.001, "0.001"),
        (PER_SECOND, "3.60", 1.5, "0.002"),
        (PER_SECOND, "3.60", 3600, "3.60"),
        (PER_BLOCK, "3600", 6.098, "6.098"),
        (PER_BLOCK, "3600", 6.0981, "12.196"),
        (PER_BLOCK, "3600", 60.98, "60.98"),
        (PREPAID, "2.00", 1, "2.00"),
        (PREPAID, "2.00", 3600, "2.00"),
        (PREPAID, "2.00", 3601, "4.00"),
        (FIVE_MINUTES, "3.60", 0, "0.30"),
        (FIVE_MINUTES, "3.60", 299, "0.30"),
        (FIVE_MINUTES, "3.60", 301, "0.301"),
        (BillingRule(quantum_s=Decimal(3600), minimum_s=60), "1.00", 0, "1.00"),
    ],
)
def test_time_costs_what_the_rule_says(rule, per_hour, seconds, cost):
    assert rule.cost(Decimal(per_hour), seconds) == Decimal(cost)


@given(rules, prices, times, times)
def test_more_time_never_costs_less(rule, per_hour, one, other):
    shorter, longer = sorted((one, other))

    assert rule.cost(per_hour, shorter) <= rule.cost(per_hour, longer)


@given(rules, prices, times)
def test_nothing_costs_less_than_the_minimum_or_the_time_itself(rule, per_hour, seconds):
    time = max(Decimal(str(seconds)), Decimal(rule.minimum_s))

    assert rule.cost(per_hour, seconds) >= per_hour * time / 3600 - USD_STEP


@given(rules, prices, times)
def test_what_is_paid_is_less_than_one_step_more_than_what_is_used(rule, per_hour, seconds):
    time = max(Decimal(str(seconds)), Decimal(rule.minimum_s)) + rule.quantum_s

    assert rule.cost(per_hour, seconds) <= per_hour * time / 3600 + USD_STEP


@given(rules, prices, st.integers(1, 10_000))
def test_whole_steps_cost_exactly_their_time(rule, per_hour, steps):
    seconds = rule.quantum_s * steps
    if seconds < rule.minimum_s:
        return

    assert rule.cost(per_hour, float(seconds)) == usd(per_hour * seconds / 3600)


@given(rules, prices, times)
def test_a_cost_is_an_amount_that_is_kept_as_it_is(rule, per_hour, seconds):
    cost = rule.cost(per_hour, seconds)

    assert cost == usd(cost) >= 0
