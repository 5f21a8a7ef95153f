"""SaladCloud's error bodies: RFC 7807, or an HTML page of its CDN (contract, section 2)."""

from collections.abc import Mapping

from pydantic import ValidationError

from aurora.emulators.exchange import Reply

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
}
_BLOCKED = (
    "<!DOCTYPE html><html><head><title>Access denied</title></head>"
    "<body><h1>Error 1010</h1><p>The owner of this website has banned your access.</p></body></html>"
)


class Refused(Exception):
    """A call that is refused; `reply` says how."""

    def __init__(
        self, status: int, detail: str, *, kind: str = "about:blank", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        body = {"type": kind, "title": _TITLES[status], "status": status, "detail": detail}
        self.reply = Reply(body, status, headers or {})


def missing(what: str) -> Refused:
    return Refused(404, f"{what} was not found.")


def invalid(error: ValidationError) -> Refused:
    """The first thing that is wrong."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return Refused(400, f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}")


def blocked() -> Reply:
    """What the CDN tells Python-urllib."""
    return Reply(_BLOCKED, 403, content_type="text/html")
