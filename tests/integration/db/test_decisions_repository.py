"""Decisions are kept as they were made, on both databases."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from aurora.db.repositories import decisions
from aurora.db.tables import decision_outcomes
from tests.fakes.clock import START
from tests.integration.db.deployment_rows import DECISION

RICH = {
    **DECISION,
    "request_id": "req-1",
    "request": {"max_price": "3.00", "providers": [], "weights": {"price": 0.35}, "spot": True},
    "candidates": [{"offer": "fake:1", "score": 0.1 + 0.2, "terms": {"price": 1e-9}, "free": None}],
    "counts": {"ranked": 1, "total": 3, "gpu": 2},
    "holds": [{"offer": "fake:2", "deployment": None}],
    "relaxations": [{"text": "max_price 2.10 instead of 1.50", "changes": [], "offers": 3}],
    "rationale": "fake: \u00fcber alles, 中文, 'quoted' \"twice\" \\ and a\nnew line",
    "propensities": {"fake:1": 0.25},
    "explore": True,
    "experiment": "exp",
    "arm": "learned",
    "bucket": 17,
    "fallback_reason": "timeout",
    "seed": 2**63 - 1,
    "attempt": 2,
    "parent_decision": "dec-0",
}


async def test_a_decision_comes_back_as_it_was_kept(database):
    async with database.write() as connection:
        await decisions.add(connection, RICH)

    async with database.read() as connection:
        found = await decisions.find(connection, "dec-1", tenant="default")

    assert found is not None
    assert {name: found[name] for name in RICH} == RICH


async def test_an_absent_value_is_null_and_not_the_word(database):
    async with database.write() as connection:
        await decisions.add(connection, DECISION)
        found = await decisions.find(connection, "dec-1", tenant=None)

    assert found is not None
    assert (found["propensities"], found["chosen"], found["propensity"]) == (None, "fake:1", 1.0)


async def test_a_decision_of_another_tenant_is_not_found(database):
    async with database.write() as connection:
        await decisions.add(connection, DECISION)

        assert await decisions.find(connection, "dec-1", tenant="somebody else") is None
        assert await decisions.find(connection, "dec-unknown", tenant=None) is None
        assert await decisions.find(connection, "dec-1", tenant=None) is not None


@pytest.mark.parametrize("changes", [{}, {"id": "dec-2", "tenant": "nobody"}])
async def test_a_second_decision_of_one_id_and_one_of_an_unknown_tenant_are_refused(database, changes):
    async with database.write() as connection:
        await decisions.add(connection, DECISION)

    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await decisions.add(connection, {**DECISION, **changes})


async def test_what_came_of_a_decision_is_kept_beside_it(database):
    async with database.write() as connection:
        await decisions.add(connection, DECISION)
        await decisions.add_outcome(
            connection,
            decision_id="dec-1",
            attempt=1,
            kind="ok",
            provider="fake",
            host="host-1",
            t_known=START + timedelta(seconds=1.5),
            ttr_s=31.25,
            cost_usd=Decimal("0.123456789"),
        )
        row = (await connection.execute(select(decision_outcomes))).one()

    assert (row.decision_id, row.kind, row.host, row.censored) == ("dec-1", "ok", "host-1", False)
    assert (row.t_known, row.ttr_s, row.cost_usd) == (
        START + timedelta(seconds=1.5),
        31.25,
        Decimal("0.123456789"),
    )


async def test_an_outcome_without_its_decision_is_refused(database):
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await decisions.add_outcome(
                connection,
                decision_id="dec-unknown",
                attempt=1,
                kind="ok",
                provider="fake",
                host=None,
                t_known=START,
            )
