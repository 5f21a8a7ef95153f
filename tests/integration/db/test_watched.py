"""What an operator sees of the database: transactions by outcome, whether it is there, connections, statements."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from aurora.db.database import Database
from aurora.db.engine import MOST_CONNECTIONS, create_engine
from aurora.db.pool import Connections, connections
from aurora.domain.clock import SystemClock
from aurora.domain.errors import DatabaseUnavailable
from aurora.telemetry.database import DatabaseWatch, summary, trace_statements
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.tracing import NullTracer

INSERT = text("INSERT INTO tenants (id, limits, created_at) VALUES ('t', '{}', '2026-01-15 12:00:00+00:00')")

GROW = text("UPDATE two SET n = n + 1 WHERE id = :id")


@dataclass
class Spans:
    """A tracer that only remembers names."""

    enabled: bool = True
    inside: bool = True
    names: list[tuple[str, str | None]] = field(default_factory=list)

    @contextmanager
    def span(self, name: str, **_: object) -> Iterator[None]:
        self.names.append((name, None))
        yield

    def past(self, name: str, *, seconds: float, failed: str | None = None, **_: object) -> None:
        assert seconds >= 0
        self.names.append((name, failed))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def watched(database: Database, metrics: Metrics) -> Database:
    database.watch_with(DatabaseWatch(metrics, NullTracer(), clock=SystemClock()))
    return database


def counted(metrics: Metrics, kind: str, outcome: str) -> float:
    labels = {"kind": kind, "outcome": outcome}
    return metrics.registry.get_sample_value("aurora_database_transactions_total", labels) or 0


async def test_transactions_are_counted_by_what_became_of_them(watched, metrics):
    async with watched.read() as connection:
        await connection.execute(text("SELECT 1"))
    async with watched.write() as connection:
        await connection.execute(INSERT)
    with pytest.raises(IntegrityError):
        async with watched.write() as connection:
            await connection.execute(INSERT)

    assert counted(metrics, "read", "ok") == 1
    assert counted(metrics, "write", "ok") == 1
    assert counted(metrics, "write", "rolled_back") == 1
    assert metrics.registry.get_sample_value("aurora_database_up") == 1


async def test_a_database_that_is_not_there_is_down_until_it_answers(metrics):
    engine = create_engine("postgresql://aurora:x@127.0.0.1:9/aurora")
    database = Database(engine)
    database.watch_with(DatabaseWatch(metrics, NullTracer(), clock=SystemClock()))

    with pytest.raises(DatabaseUnavailable):
        async with database.read():
            raise AssertionError("it answered")
    await engine.dispose()

    assert counted(metrics, "read", "away") == 1
    assert metrics.registry.get_sample_value("aurora_database_up") == 0


async def test_two_that_block_each_other_are_counted_as_one_run_again(postgres_database, metrics):
    postgres_database.watch_with(DatabaseWatch(metrics, NullTracer(), clock=SystemClock()))
    async with postgres_database.write() as connection:
        await connection.execute(text("SET deadlock_timeout = '5ms'"))
        await connection.execute(text("CREATE TABLE two (id int PRIMARY KEY, n int)"))
        await connection.execute(text("INSERT INTO two VALUES (1, 0), (2, 0)"))
    both = asyncio.Barrier(2)
    begun: set[int] = set()

    async def change(first: int, second: int) -> None:
        async def job(connection):
            await connection.execute(text("SET LOCAL deadlock_timeout = '5ms'"))
            await connection.execute(GROW, {"id": first})
            if first not in begun:
                begun.add(first)
                await both.wait()
            await connection.execute(GROW, {"id": second})

        await postgres_database.transact(job)

    await asyncio.gather(change(1, 2), change(2, 1))

    assert metrics.registry.get_sample_value("aurora_database_retries_total") == 1


async def test_the_pools_connections_are_counted(database):
    before = connections(database.engine)
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))
        during = connections(database.engine)
    after = connections(database.engine)

    assert during.in_use == before.in_use + 1
    assert after == Connections(before.in_use, max(1, before.idle), MOST_CONNECTIONS)


async def test_the_limit_is_what_the_pool_opens_at_most(database):
    pool = database.engine.pool

    assert pool.size() + pool._max_overflow == MOST_CONNECTIONS


async def test_statements_within_a_span_are_spans_without_their_values(database):
    spans = Spans()
    database.watch_with(DatabaseWatch(Metrics(), spans, clock=SystemClock()))
    trace_statements(database.engine.sync_engine, spans, clock=SystemClock())

    async with database.write() as connection:
        await connection.execute(INSERT)
    with pytest.raises(DBAPIError):
        async with database.write() as connection:
            await connection.execute(INSERT)
    spans.inside = False
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))

    told = [(name, failed) for name, failed in spans.names if "tenants" in name or "database" in name]
    assert [name for name, _ in told] == ["database write", "INSERT tenants"] * 2
    assert [failed is None for _, failed in told] == [True, True, True, False]


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SELECT a, b FROM offers WHERE secret = 'x'", "SELECT offers"),
        ('INSERT INTO "decisions" (id) VALUES (?)', "INSERT decisions"),
        ("UPDATE deployments SET status = ?", "UPDATE deployments"),
        ("DELETE FROM holds", "DELETE holds"),
        ("\n  select 1", "SELECT"),
        ("BEGIN IMMEDIATE", "BEGIN"),
        ("", "statement"),
    ],
)
def test_a_statement_is_shown_by_its_verb_and_table(statement, shown):
    assert summary(statement) == shown
