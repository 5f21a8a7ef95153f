"""Transactions become metrics, and inside a request spans; statements become spans."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExceptionContext

from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.tracing import SpanKind, Tracer

_BEGAN = "aurora_statement_began"
_VERB = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?(\w+)")


class DatabaseWatch:
    """Around every transaction; fits `db.database.Watch`."""

    def __init__(self, metrics: Metrics, tracer: Tracer, *, clock: Clock) -> None:
        self._metrics = metrics
        self._tracer = tracer
        self._clock = clock

    @contextmanager
    def __call__(self, kind: str) -> Iterator[None]:
        """`kind`: read or write."""
        began = self._clock.monotonic()
        outcome = "rolled_back"
        try:
            # Only inside something that is traced: the loops' own looks at the database would drown it.
            if self._tracer.inside:
                with self._tracer.span(f"database {kind}"):
                    yield
            else:
                yield
            outcome = "ok"
        except DatabaseUnavailable:
            outcome = "away"
            raise
        finally:
            self._metrics.transaction(kind, outcome=outcome, seconds=self._clock.monotonic() - began)

    def retried(self) -> None:
        self._metrics.transaction_retried()


def trace_statements(engine: Engine, tracer: Tracer, *, clock: Clock) -> None:
    """From now on each statement inside a span is a span: its verb and first table, never its values."""

    def began(connection: Connection, *_: Any) -> None:
        connection.info[_BEGAN] = clock.monotonic()

    def ended(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        tell(connection, statement, failed=None)

    def failed(context: ExceptionContext) -> None:
        if context.connection is not None and context.statement is not None:
            kind = type(context.original_exception).__name__
            tell(context.connection, context.statement, failed=kind)

    def tell(connection: Connection, statement: str, *, failed: str | None) -> None:
        started = connection.info.pop(_BEGAN, None)
        if started is not None and tracer.inside:
            tracer.past(
                summary(statement),
                seconds=clock.monotonic() - started,
                kind=SpanKind.CLIENT,
                attributes={"db.system.name": engine.dialect.name},
                failed=failed,
            )

    event.listen(engine, "before_cursor_execute", began)
    event.listen(engine, "after_cursor_execute", ended)
    event.listen(engine, "handle_error", failed)


def summary(statement: str) -> str:
    """`INSERT decisions`: what may be shown of a statement.

    >>> summary("SELECT a FROM offers WHERE b = 'x'")
    'SELECT offers'
    """
    verb = _VERB.match(statement)
    if verb is None:
        return "statement"
    table = _TABLE.search(statement)
    return verb[1].upper() if table is None else f"{verb[1].upper()} {table[1]}"
