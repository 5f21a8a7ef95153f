"""What every answer tells browsers and caches, refusals and crashes included."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""Data is no page: nothing in it runs, loads or is framed."""
_PAGES = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc"})
_DOCS = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; "
    "script-src 'unsafe-inline' https://cdn.jsdelivr.net; worker-src blob:; font-src https://fonts.gstatic.com; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com; "
    "img-src 'self' data: https://fastapi.tiangolo.com https://cdn.redoc.ly"
)
"""The framework's pages: its viewer comes from a CDN and is started by a script in the page."""


class AnswerHeaders:
    """Adds them where the answer has not said otherwise.

    No Strict-Transport-Security: we speak plain HTTP, and what a proxy in front says of TLS is not taken from
    headers that anybody can send. That proxy adds it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = _DOCS if scope["path"] in _PAGES else _NOTHING

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                headers.setdefault("content-security-policy", policy)
            await send(message)

        await self._app(scope, receive, sending)
