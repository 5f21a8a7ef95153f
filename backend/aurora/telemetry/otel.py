"""The tracer over OpenTelemetry's SDK (extra `otel`). Imported only where an endpoint is set."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from aurora.domain import request_id
from aurora.domain.errors import AuroraError
from aurora.telemetry.tracing import Attributes, SpanKind

_KINDS = {
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
}
_PATH = "/v1/traces"
"""Below the endpoint, as OTLP/HTTP says."""
_EXPORT_S = 5.0
_W3C = TraceContextTextMapPropagator()


class Report(Protocol):
    """Told of every export; says once what fails and once that it works again."""

    def failed(self, name: str, error: BaseException | str) -> None: ...

    def succeeded(self, name: str) -> None: ...


class ReportedExporter(SpanExporter):
    """An exporter whose failures are one line each time they begin, not one for each batch."""

    def __init__(self, inner: SpanExporter, report: Report) -> None:
        self._inner = inner
        self._report = report

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        found = self._inner.export(spans)
        if found is SpanExportResult.SUCCESS:
            self._report.succeeded("traces")
        else:
            self._report.failed("traces", "the collector does not take them")
        return found

    def shutdown(self) -> None:
        self._inner.shutdown()


class OtelSpan:
    """Fits `tracing.Span`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def put(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def failed(self, code: str) -> None:
        self._span.set_attribute("error.type", code)
        self._span.set_status(Status(StatusCode.ERROR))


class OtelTracer:
    """Fits `tracing.Tracer`. Its provider is its own: nothing is registered for the whole process."""

    enabled = True

    def __init__(self, provider: TracerProvider, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("aurora")
        self._now_ns = now_ns

    @property
    def inside(self) -> bool:
        """Is there a present span?"""
        return trace.get_current_span().get_span_context().is_valid

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        caller: Mapping[str, str] | None = None,
        attributes: Attributes | None = None,
    ) -> Iterator[OtelSpan]:
        """As `Tracer.span`."""
        # Exceptions are told by their kind alone: their text may hold anything.
        with self._tracer.start_as_current_span(
            name,
            context=_W3C.extract(caller) if caller else None,
            kind=_KINDS[kind],
            attributes=_with_request_id(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as started:
            span = OtelSpan(started)
            try:
                yield span
            except BaseException as exc:
                span.failed(exc.code if isinstance(exc, AuroraError) else type(exc).__name__)
                raise

    def past(
        self,
        name: str,
        *,
        seconds: float,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        failed: str | None = None,
    ) -> None:
        """As `Tracer.past`."""
        ended = self._now_ns()
        span = self._tracer.start_span(
            name,
            kind=_KINDS[kind],
            attributes=_with_request_id(attributes),
            start_time=ended - int(seconds * 1e9),
        )
        if failed is not None:
            OtelSpan(span).failed(failed)
        span.end(ended)

    def note(self, name: str, attributes: Attributes) -> None:
        """As `Tracer.note`."""
        trace.get_current_span().add_event(name, attributes)

    def close(self) -> None:
        """As `Tracer.close`."""
        self._provider.shutdown()


def connect(endpoint: str, *, resource: Attributes, report: Report) -> OtelTracer:
    """A tracer that sends to an OTLP/HTTP collector, in the background. `resource`: who we are.

    The SDK's own variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, ...) hold.
    """
    # The SDK logs every failed batch with its traceback; we say it once.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + _PATH, timeout=_EXPORT_S)
    provider = TracerProvider(resource=Resource.create(dict(resource)))
    provider.add_span_processor(BatchSpanProcessor(ReportedExporter(exporter, report)))
    return OtelTracer(provider)


def _with_request_id(attributes: Attributes | None) -> dict[str, str | int | float | bool]:
    found = dict(attributes or {})
    current = request_id.current()
    if current is not None:
        found["aurora.request_id"] = current
    return found
