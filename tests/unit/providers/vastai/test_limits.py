from aurora.domain.operation import Operation
from aurora.providers.vastai.limits import REAL, RELAXED, ROWS_BURST, ROWS_PER_DAY, SEARCH


def test_documented_intervals_are_kept_with_a_margin():
    intervals = {name: limit.min_interval_s for name, limit in REAL.endpoints.items()}

    documented = {SEARCH: 6.0, "create": 4.5, "status": 2.0, "list": 1.0, "terminate": 3.0}
    assert intervals.keys() == documented.keys()
    assert all(documented[name] < interval <= documented[name] * 1.1 for name, interval in intervals.items())


def test_no_day_returns_more_rows_than_the_quota():
    search = REAL.endpoints[SEARCH]

    assert search.per_period == ROWS_BURST
    assert round(ROWS_BURST + search.per_period / search.period_s * 86_400) == ROWS_PER_DAY


def test_limits_are_named_after_operations_or_classes_that_the_adapter_uses():
    assert set(REAL.endpoints) - {SEARCH} <= {operation.value for operation in Operation}


def test_relaxed_limits_are_none():
    assert RELAXED.endpoints == {}
