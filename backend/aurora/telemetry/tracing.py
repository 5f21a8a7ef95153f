"""Spans: what of a request took how long. The rooms know this protocol; OpenTelemetry is in `otel.py` only."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Protocol

Value = str | int | float | bool
Attributes = Mapping[str, Value]
"""Names and figures of ours only: never free text, a query string or a header, in which a secret could be."""


class SpanKind(StrEnum):
    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"


class Span(Protocol):
    """One piece of work while it goes on."""

    def rename(self, name: str) -> None: ...

    def put(self, attributes: Attributes) -> None: ...

    def failed(self, code: str) -> None:
        """It did not work; `code` says how in a word."""
        ...


class Tracer(Protocol):
    """Makes spans. What begins inside a span of the same task is its child."""

    @property
    def enabled(self) -> bool:
        """False: nothing is recorded, and callers need not gather attributes."""
        ...

    @property
    def inside(self) -> bool:
        """Is there a present span?"""
        ...

    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        caller: Mapping[str, str] | None = None,
        attributes: Attributes | None = None,
    ) -> AbstractContextManager[Span]:
        """The present span until its end. `caller`: headers in which W3C's `traceparent` may name the parent.

        An exception that passes marks it as failed, by its kind only.
        """
        ...

    def past(
        self,
        name: str,
        *,
        seconds: float,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        failed: str | None = None,
    ) -> None:
        """A child of the present span that has just ended and took `seconds`."""
        ...

    def note(self, name: str, attributes: Attributes) -> None:
        """Something happened at this moment of the present span."""
        ...

    def close(self) -> None:
        """Send what is left; blocks for some seconds at most."""
        ...


class _NoSpan:
    def rename(self, name: str) -> None:
        """Nothing."""

    def put(self, attributes: Attributes) -> None:
        """Nothing."""

    def failed(self, code: str) -> None:
        """Nothing."""


class NullTracer:
    """Records nothing."""

    enabled = False
    inside = False

    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        caller: Mapping[str, str] | None = None,
        attributes: Attributes | None = None,
    ) -> AbstractContextManager[Span]:
        """As `Tracer.span`."""
        del name, kind, caller, attributes
        return nullcontext(_NoSpan())

    def past(
        self,
        name: str,
        *,
        seconds: float,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        failed: str | None = None,
    ) -> None:
        """Nothing."""

    def note(self, name: str, attributes: Attributes) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
