import pytest

from aurora.resilience.policy import (
    BreakerPolicy,
    BulkheadPolicy,
    CachePolicy,
    EndpointPolicy,
    GuardPolicy,
    LimiterPolicy,
    RetryPolicy,
)


@pytest.mark.parametrize(
    ("policy", "field", "value"),
    [
        (BreakerPolicy, "threshold", 0),
        (BreakerPolicy, "open_s", 0),
        (BreakerPolicy, "open_s", float("nan")),
        (BreakerPolicy, "half_open_max", 0),
        (BreakerPolicy, "max_open_s", -1),
        (BreakerPolicy, "jitter", 1),
        (LimiterPolicy, "rate_per_min", 0),
        (LimiterPolicy, "rate_per_min", float("inf")),
        (LimiterPolicy, "capacity", 0.5),
        (LimiterPolicy, "reserved_share", -0.1),
        (BulkheadPolicy, "slots", 0),
        (BulkheadPolicy, "queue", -1),
        (BulkheadPolicy, "reserved", 8),
        (CachePolicy, "min_ttl_s", 0),
        (CachePolicy, "ttl_s", 5),
        (CachePolicy, "max_ttl_s", 20),
        (CachePolicy, "stale_limit_s", -1),
        (CachePolicy, "stale_while_revalidate_s", -1),
        (CachePolicy, "ttl_jitter", 1),
        (CachePolicy, "max_size", 0),
        (RetryPolicy, "max_retries", -1),
        (RetryPolicy, "base_delay_s", -1),
        (RetryPolicy, "max_delay_s", 1),
        (RetryPolicy, "jitter_s", -1),
        (RetryPolicy, "retry_after_max_s", -1),
        (RetryPolicy, "budget_tokens", 0),
        (RetryPolicy, "budget_ratio", 0),
        (GuardPolicy, "attempt_timeout_s", 0),
        (GuardPolicy, "min_attempt_s", -1),
        (GuardPolicy, "credential_recheck_s", 0),
    ],
)
def test_a_wrong_number_is_refused_by_the_name_of_its_field(policy, field, value):
    with pytest.raises(ValueError, match=f"^{field} "):
        policy(**{field: value})


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (EndpointPolicy(min_interval_s=0), "min_interval_s"),
        (EndpointPolicy(per_period=0.5), "per_period"),
        (EndpointPolicy(per_period=1, period_s=0), "period_s"),
    ],
)
def test_a_wrong_endpoint_is_refused_by_its_name(rule, field):
    with pytest.raises(ValueError, match=rf"^endpoints\[search\]\.{field} "):
        LimiterPolicy(endpoints={"search": rule})


def test_a_background_call_may_take_every_attempt_and_every_delay():
    retry = RetryPolicy(max_retries=3, base_delay_s=2, max_delay_s=32, jitter_s=1)
    policy = GuardPolicy(attempt_timeout_s=30, retry=retry)
    assert policy.background_deadline_s == 4 * 30 + (3 + 5 + 9)


def test_delays_are_capped():
    retry = RetryPolicy(max_retries=6, base_delay_s=2, max_delay_s=32, jitter_s=0)
    assert retry.delays_s == (2, 4, 8, 16, 32, 32)


def test_the_burst_is_a_minute_and_at_least_one_call():
    assert LimiterPolicy(rate_per_min=100).burst == 100
    assert LimiterPolicy(rate_per_min=0.2).burst == 1
    assert LimiterPolicy(rate_per_min=100, capacity=10).burst == 10
