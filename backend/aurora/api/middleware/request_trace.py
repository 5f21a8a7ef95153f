"""A span for each request, below the caller's own where its `traceparent` names one."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aurora.telemetry.tracing import SpanKind, Tracer

_QUIET = frozenset({"/health", "/ready", "/metrics"})
"""Probes and scrapes would be most of the traces."""
_W3C = ("traceparent", "tracestate")


class RequestTrace:
    """Stands inside RequestContext, so that the request id is known. Added only where something is traced."""

    def __init__(self, app: ASGIApp, *, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        method = scope["method"]
        with self._tracer.span(
            method,
            kind=SpanKind.SERVER,
            caller={name: headers[name] for name in _W3C if name in headers},
            attributes={"http.request.method": method, "url.path": scope["path"]},
        ) as span:

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = int(message["status"])
                    span.put({"http.response.status_code": status})
                    if status >= 500:
                        span.failed(str(status))
                await send(message)

            try:
                await self._app(scope, receive, sent)
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route is not None:
                    span.rename(f"{method} {route}")
                    span.put({"http.route": route})
