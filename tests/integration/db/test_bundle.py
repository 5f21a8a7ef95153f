"""Rows of several tables in one go are the rows that single inserts would have written, on both databases."""

from dataclasses import replace
from datetime import timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from aurora.db.bundle import Bundle, json_text
from aurora.db.repositories import deployments, holds
from aurora.db.repositories.deployment_rows import attempt_row_of, event_row_of, row_of
from aurora.db.tables import attempts, capacity_holds, decisions, deployment_events
from aurora.db.tables import deployments as deployment_rows
from aurora.domain.offer import PriceKind
from aurora.domain.records import DeploymentEvent
from tests.integration.db.deployment_rows import DECISION, START, a_deployment, an_attempt, at
from tests.integration.db.test_holds_repository import TAKEN

AWKWARD = """a "quoted" \\ back\\\\slash, ' a line\nbreak, :colons ::text, 100% and ünïcode \U0001f5a5"""


def bundle_of(*given, decision="dec-1"):
    bundle = Bundle()
    bundle.add(
        decisions,
        {
            **DECISION,
            "id": decision,
            "rationale": AWKWARD,
            "eliminated": {},
            "request": {"note": AWKWARD, "n": [1.5, None]},
        },
    )
    for one in given:
        bundle.add(deployment_rows, row_of(replace(one, decision_id=decision)))
        bundle.add(attempts, attempt_row_of(an_attempt(one, resources=frozenset({"b", "a"}))))
        bundle.add(
            deployment_events,
            event_row_of(DeploymentEvent(one.id, START, "intent", AWKWARD, data={"name": AWKWARD})),
        )
    return bundle


async def test_what_is_written_together_is_read_as_it_was_given(database):
    odd_zone = timezone(timedelta(hours=5, minutes=30))
    first = a_deployment(
        1, max_total_cost=Decimal("0.000000001"), created_at=at(0.123456).astimezone(odd_zone)
    )
    second = a_deployment(2, reason=AWKWARD, running_s=1e-9, cost_usd=Decimal("123456789.123456789"))
    bundle = bundle_of(first, second)
    bundle.add(capacity_holds, holds.row_of(TAKEN))

    async with database.write() as connection:
        await bundle.write(connection)

    async with database.read() as connection:
        for one in (first, second):
            found = await deployments.find(connection, one.id)
            assert found.deployment == one
            assert found.attempts == (an_attempt(one, resources=frozenset({"b", "a"})),)
            (told,) = await deployments.events_of(connection, one.id)
            assert (told.message, told.data, told.at) == (AWKWARD, {"name": AWKWARD}, START)
        row = (await connection.execute(select(decisions))).one()
        assert (row.rationale, row.request, row.explore) == (
            AWKWARD,
            {"note": AWKWARD, "n": [1.5, None]},
            False,
        )
        assert await holds.present(connection, now=at(0)) == (TAKEN,)


async def test_one_row_that_cannot_be_leaves_none_behind(database):
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await bundle_of(a_deployment(1), a_deployment(1)).write(connection)

    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(decisions))).scalar_one() == 0


async def test_on_postgres_all_tables_take_one_statement(postgres_database):
    sent = []
    event.listen(
        postgres_database.engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: sent.append(statement),
    )

    async with postgres_database.write() as connection:
        await bundle_of(a_deployment(1), a_deployment(2)).write(connection)

    assert len(sent) == 1


async def test_an_empty_bundle_asks_nothing(database):
    async with database.write() as connection:
        await Bundle().write(connection)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": Decimal("1.230"), "at": START}, f'{{"a":"1.230","at":"{START.isoformat()}"}}'),
        ({PriceKind.FIRM: PriceKind.ESTIMATE}, '{"firm":"estimate"}'),
        ({"seed": 2**70}, '{"seed":1180591620717411303424}'),
        ({1: (True, None)}, '{"1":[true,null]}'),
        ("half \ud800", '"half \\ud800"'),
    ],
    ids=["money and time", "words of ours", "more than 64 bits", "a number as a key", "half a character"],
)
def test_odd_values_are_written_whole(value, text):
    assert json_text(value) == text


@pytest.mark.parametrize("value", [{"a": frozenset()}, TAKEN], ids=["a set", "an object of ours"])
def test_what_no_column_holds_is_refused(value):
    with pytest.raises(TypeError, match="nothing that a column holds"):
        json_text(value)


@pytest.mark.parametrize("more", [{"size": 2.0}, {}])
async def test_rows_of_one_table_with_different_columns_are_refused_not_cut(postgres_database, more):
    """Whatever only one of them has would be lost without a word."""
    whole = holds.row_of(TAKEN)
    less = {name: value for name, value in whole.items() if name != "size"}
    bundle = Bundle()
    bundle.add(capacity_holds, *((less, {**less, **more}) if more else (whole, less)))

    with pytest.raises(ValueError, match="capacity_holds"):
        async with postgres_database.write() as connection:
            await bundle.write(connection)
