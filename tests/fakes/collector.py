"""An OTLP/HTTP collector on a real socket: what arrives is decoded as the protocol says."""

import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class Arrived:
    """One span."""

    name: str
    id: str
    parent: str
    trace: str
    kind: int
    seconds: float
    attributes: dict[str, object]
    failed: bool
    notes: list[str]


@dataclass
class Collector:
    url: str
    status: int = 200
    spans: list[Arrived] = field(default_factory=list)
    resources: list[dict[str, object]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        if self.status == 200:
            self.raw.append(body)
            self._keep(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(status=self.status, body=answer, content_type="application/x-protobuf")

    def named(self, name: str) -> Arrived:
        """The only span with this name."""
        [found] = [span for span in self.spans if span.name == name]
        return found

    def above(self, span: Arrived) -> list[str]:
        """The names of its parents up to the root that is known here."""
        by_id = {each.id: each for each in self.spans}
        found = []
        while span.parent in by_id:
            span = by_id[span.parent]
            found.append(span.name)
        return found

    def below(self, name: str) -> set[str]:
        """The names of everything that has `name` above it."""
        return {span.name for span in self.spans if name in self.above(span)}

    def _keep(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            self.resources.append(_values(resource.resource.attributes))
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Arrived(
                            span.name,
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            span.trace_id.hex(),
                            span.kind,
                            (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                            _values(span.attributes),
                            span.status.code == 2,
                            [note.name for note in span.events],
                        )
                    )


def _values(attributes: list[KeyValue]) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    app = web.Application()
    runner = web.AppRunner(app, access_log=None)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        collector = Collector(f"http://127.0.0.1:{listening.getsockname()[1]}")
        app.router.add_post("/v1/traces", collector.take)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        try:
            yield collector
        finally:
            await runner.cleanup()
