"""The evaluator agrees with what Prometheus is documented to answer."""

import math

import pytest

from tests.deploy.promql import Store, Unsupported, evaluate, names

PAGE = """# TYPE calls_total counter
calls_total{{provider="a",outcome="ok"}} {ok}
calls_total{{provider="a",outcome="fail"}} {fail}
calls_total{{provider="b",outcome="ok"}} 5
# TYPE limit gauge
limit{{provider="a"}} 4
# TYPE s histogram
s_bucket{{le="0.1"}} 0
s_bucket{{le="0.5"}} {ok}
s_bucket{{le="+Inf"}} {ok}
s_sum 1
s_count {ok}
"""


@pytest.fixture
def store() -> Store:
    made = Store()
    made.scrape(PAGE.format(ok=10, fail=0), at=0)
    made.scrape(PAGE.format(ok=70, fail=6), at=60)
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('calls_total{outcome="ok"}', {("a", "ok"): 70, ("b", "ok"): 5}),
        ('calls_total{provider=~"a|x",outcome!="ok"}', {("a", "fail"): 6}),
        ('calls_total{provider!~"a.*"}', {("b", "ok"): 5}),
        ('calls_total{provider="nobody"}', {}),
        ("rate(calls_total[5m])", {("a", "ok"): 1, ("a", "fail"): 0.1, ("b", "ok"): 0}),
        ("increase(calls_total[30s])", {}),
        ("sum by (provider) (calls_total)", {("a",): 76, ("b",): 5}),
        ("sum without (outcome) (calls_total)", {("a",): 76, ("b",): 5}),
        ("max(calls_total)", {(): 70}),
        ("topk(1, calls_total)", {("a", "ok"): 70}),
        ("count(calls_total > 5)", {(): 2}),
        ("sum by (provider) (calls_total) / on (provider) limit", {("a",): 19}),
        ("calls_total / on (provider) group_left limit", {("a", "ok"): 17.5, ("a", "fail"): 1.5}),
        ('calls_total{outcome="ok"} / limit', {}),
        ('calls_total{outcome="ok"} and on (provider) limit', {("a", "ok"): 70}),
        ('calls_total{outcome="ok"} unless on (provider) limit', {("b", "ok"): 5}),
        ("limit or absent(nothing)", {("a",): 4, (): 1}),
        ("limit > bool 5", {("a",): 0}),
        ("100 * (1 - limit / 8)", {("a",): 50}),
        ("absent(limit)", {}),
        ("histogram_quantile(0.5, rate(s_bucket[5m]))", {(): 0.3}),
    ],
)
def test_expressions(store, text, expected):
    found = {
        tuple(labels[name] for name in ("provider", "outcome") if name in labels): value
        for labels, value in evaluate(text, store, at=60)
    }

    assert found == pytest.approx(expected)


def test_a_counter_that_began_anew_still_grows(store):
    store.scrape(PAGE.format(ok=3, fail=0), at=120)

    assert evaluate('increase(calls_total{provider="a",outcome="ok"}[5m])', store, at=120)[0][1] == 63


def test_old_samples_are_not_there_any_more(store):
    assert evaluate("limit", store, at=359) != []
    assert evaluate("limit", store, at=361) == []


def test_nothing_counted_is_not_a_number(store):
    [(_, found)] = evaluate("histogram_quantile(0.5, 0 * s_bucket)", store, at=60)

    assert math.isnan(found)


def test_what_is_no_promql_is_refused_and_what_is_not_evaluated_says_so(store):
    with pytest.raises(ValueError, match="parenthesis"):
        evaluate("sum by provider (limit", store, at=60)
    with pytest.raises(Unsupported):
        evaluate("predict_linear(limit[5m], 60)", store, at=60)


def test_the_names_of_metrics_are_found_wherever_they_stand():
    assert names("sum(rate(a_total[5m])) / on (x) group_left b and absent(c{d='e'})") == {"a_total", "b", "c"}
