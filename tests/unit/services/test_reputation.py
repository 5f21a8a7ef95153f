"""How outcomes move the scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.services.reputation import PRIOR, Reputation, score

counts = st.integers(min_value=0, max_value=10_000)
priors = st.floats(min_value=0, max_value=100)


def test_a_provider_that_nobody_tried_has_its_prior():
    reputation = Reputation({"vastai": 86.0})

    assert (reputation.of("vastai", None), reputation.of("akash", None)) == (86.0, PRIOR)


@pytest.mark.parametrize(
    ("good", "bad", "expected"), [(0, 0, 80.0), (20, 0, 90.0), (0, 20, 40.0), (10, 10, 65.0), (80, 0, 96.0)]
)
def test_the_prior_weighs_as_much_as_twenty_observations(good, bad, expected):
    assert score(80, good, bad) == pytest.approx(expected)


@given(priors, counts, counts)
def test_a_score_stays_between_0_and_100(prior, good, bad):
    assert -1e-9 <= score(prior, good, bad) <= 100 + 1e-9


@given(priors, counts, counts)
def test_a_success_never_lowers_and_a_failure_never_raises_a_score(prior, good, bad):
    now = score(prior, good, bad)

    assert score(prior, good + 1, bad) >= now - 1e-9
    assert score(prior, good, bad + 1) <= now + 1e-9


@pytest.mark.parametrize("kind", ["fail_fast", "fail_slow", "interrupted"])
def test_failures_of_every_kind_count_alike(kind):
    reputation = Reputation()

    reputation.observe("vastai", None, kind=kind)

    assert reputation.of("vastai", None) == pytest.approx(1600 / 21)


@pytest.mark.parametrize("kind", ["nocap", "something new"])
def test_a_full_market_says_nothing_about_the_provider(kind):
    reputation = Reputation()

    reputation.observe("vastai", "host-1", kind=kind)

    assert reputation.of("vastai", "host-1") == PRIOR
    assert reputation.observations("vastai") == 0


def test_a_bad_host_is_worse_than_its_provider_and_the_provider_suffers_less():
    reputation = Reputation()

    for _ in range(10):
        reputation.observe("vastai", "bad", kind="fail_fast")
        reputation.observe("vastai", "good", kind="ok")

    provider = reputation.of("vastai", None)
    assert reputation.of("vastai", "bad") < provider < reputation.of("vastai", "good")


def test_an_unknown_host_has_its_providers_score():
    reputation = Reputation()
    reputation.observe("vastai", "one", kind="fail_slow")

    assert reputation.of("vastai", "another") == reputation.of("vastai", None) < PRIOR


def test_one_providers_failures_are_not_anothers():
    reputation = Reputation()
    reputation.observe("vastai", "h", kind="fail_slow")

    assert reputation.of("akash", "h") == PRIOR


def test_the_version_changes_with_the_scores():
    reputation = Reputation()
    before = reputation.version

    reputation.observe("vastai", None, kind="ok")

    assert reputation.version != before
