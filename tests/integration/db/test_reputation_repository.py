"""Reputation is counted from the stored outcomes, on both databases."""

import pytest
from sqlalchemy import insert, update

from aurora.db.repositories import decisions
from aurora.db.repositories.reputation import OutcomeCount, outcome_counts
from aurora.db.tables import decision_outcomes, tenants
from aurora.services.reputation import Reputation
from tests.fakes.clock import START

DECISION = {
    "id": "dec-1",
    "tenant": "acme",
    "at": START,
    "config_version": "1",
    "mode": "rule-based",
    "policy": "balanced",
    "policy_version": "1",
    "snapshot_version": "1",
    "request": {},
    "candidates": [],
    "counts": {},
    "holds": [],
    "relaxations": [],
    "rationale": "",
    "seed": 1,
}


@pytest.fixture
async def with_outcomes(database):
    async with database.write() as connection:
        await connection.execute(insert(tenants).values(id="acme", limits={}, created_at=START))
        await decisions.add(connection, DECISION)
        for kind, host in [
            ("ok", "h1"),
            ("ok", "h1"),
            ("fail_fast", "h1"),
            ("nocap", "h2"),
            ("fail_slow", None),
        ]:
            await decisions.add_outcome(
                connection,
                decision_id="dec-1",
                attempt=1,
                kind=kind,
                provider="vastai",
                host=host,
                t_known=START,
            )
    return database


async def test_outcomes_are_counted_by_provider_host_and_kind(with_outcomes):
    async with with_outcomes.read() as connection:
        counted = await outcome_counts(connection)

    assert set(counted) == {
        OutcomeCount("vastai", "h1", "ok", 2),
        OutcomeCount("vastai", "h1", "fail_fast", 1),
        OutcomeCount("vastai", "h2", "nocap", 1),
        OutcomeCount("vastai", None, "fail_slow", 1),
    }


async def test_an_outcome_that_was_not_seen_to_its_end_does_not_count(with_outcomes):
    async with with_outcomes.write() as connection:
        await connection.execute(update(decision_outcomes).values(censored=True))
        assert await outcome_counts(connection) == []


async def test_loading_gives_the_scores_that_observing_would_have_given(with_outcomes):
    observed = Reputation({"vastai": 86})
    for kind, host in [("ok", "h1"), ("ok", "h1"), ("fail_fast", "h1"), ("nocap", "h2"), ("fail_slow", None)]:
        observed.observe("vastai", host, kind=kind)

    loaded = Reputation({"vastai": 86})
    await loaded.load(with_outcomes)
    await loaded.load(with_outcomes)

    for host in (None, "h1", "h2", "h3"):
        assert loaded.of("vastai", host) == observed.of("vastai", host)
    assert loaded.of("vastai", None) == pytest.approx((86 * 20 + 200) / 24)
