"""The provider's own words: its error bodies as documented (contract, sections 2 to 9 and 13)."""

from collections.abc import Mapping
from typing import Any

from aurora.emulators.exchange import Reply


class BadRequest(ValueError):
    """The request cannot be understood: 400 `invalid_request` with this message."""


class BadToken(ValueError):
    """A page token that this list did not give out: 400 `invalid_token`."""


def error(status: int, code: str | None, msg: str, **more: Any) -> Reply:
    return Reply({"success": False, "error": code, "msg": msg, **more}, status)


def bad_request(msg: str) -> Reply:
    return Reply({"error": "invalid_request", "msg": msg}, 400)


def bad_json() -> Reply:
    return bad_request("Invalid json body")


def bad_token() -> Reply:
    return error(400, "invalid_token", "Invalid pagination token")


def bad_key(status: int = 401) -> Reply:
    return error(status, "auth_error", "Invalid user key")


def bad_search_key() -> Reply:
    """The search endpoint is documented with 404 for a wrong key (section 2)."""
    return Reply({"error": None, "msg": "Invalid user key"}, 404)


def no_instance(instance_id: str) -> Reply:
    return error(404, "no_such_instance", f"Instance {instance_id} not found")


def unknown_offer(offer_id: int) -> Reply:
    text = f"error 404/3603: no_such_ask Instance type by id {offer_id} is not available."
    return error(404, "invalid_args", text, ask_id=offer_id)


def taken_offer(offer_id: int) -> Reply:
    text = f"error 410/3907: no_such_ask Instance type {offer_id} is no longer available."
    return error(410, "no_such_ask", text, ask_id=offer_id)


def bad_create(code: str, reason: str, offer_id: int | None, **more: Any) -> Reply:
    return error(400, code, f"error 400/3467: {reason}", ask_id=offer_id, **more)


def too_frequent(threshold: float) -> Reply:
    return Reply({"detail": f"API requests too frequent endpoint threshold={threshold}"}, 429)


def too_frequent_destroy(threshold: float) -> Reply:
    return error(429, "rate_limit_exceeded", f"API requests too frequent endpoint threshold={threshold}")


def too_many_searches() -> Reply:
    return Reply("API requests too frequent", 429, content_type="text/plain")


def quota_exceeded(resets_at: float) -> Reply:
    """Section 4.1: the daily quota of returned rows; the header holds unix seconds."""
    body = {"success": False, "error": "search_quota_exceeded", "msg": "Daily search quota exceeded."}
    return Reply(body, 429, {"X-RateLimit-Reset": str(int(resets_at))})


def done(**more: Any) -> Reply:
    return Reply({"success": True, **more})


def access_denied() -> Reply:
    """What the object store answers while a log is not uploaded yet (section 8)."""
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
    return Reply(text, 403, content_type="application/xml")


def flat(body: Any) -> Mapping[str, Any]:
    """A body that must be a JSON object. Raises BadRequest."""
    if not isinstance(body, dict):
        raise BadRequest("Invalid json body")
    return body
