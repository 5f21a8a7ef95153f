"""The door of the Console: who may come in, and with what in hand (contract, section 2)."""

from dataclasses import dataclass
from typing import Any

from aurora.emulators.akash import replies
from aurora.emulators.akash.replies import Refused
from aurora.emulators.exchange import Call, Handler, Reply

_REFUSED_KEY = "invalid"
_BODY_LIMIT = 512 << 10
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True)
class Guard:
    """Wraps the handlers of the Console. All keys open the same account; a session token of a browser opens none."""

    def public(self, handler: Handler, *, limit: int = _BODY_LIMIT) -> Handler:
        """With or without a key, but not with a wrong one."""

        def guarded(call: Call) -> Reply:
            try:
                _checked_key(call)
                return marked(_understood(call, limit=limit) or handler(call))
            except Refused as refusal:
                return marked(refusal.reply())

        return guarded

    def member(self, handler: Handler) -> Handler:
        """Only with a key."""

        def keyed(call: Call) -> Reply:
            if not has_key(call):
                raise Refused(401, "Unauthorized")
            return handler(call)

        return self.public(keyed)


def has_key(call: Call) -> bool:
    return bool(call.headers.get("x-api-key", "").strip())


def document(call: Call) -> dict[str, Any]:
    """The body, which must be a JSON object. Raises Refused."""
    try:
        body = call.json()
    except ValueError:
        raise Refused(400, "Malformed JSON in request body") from None
    if not isinstance(body, dict):
        raise replies.of_wrong_type([], "object", body)
    return body


def _checked_key(call: Call) -> None:
    if has_key(call) and call.headers.get("Authorization"):
        raise Refused(400, "Authorization and X-Api-Key headers are mutually exclusive")
    if call.headers.get("x-api-key") == _REFUSED_KEY:
        raise Refused(401, "Invalid API key")


def _understood(call: Call, *, limit: int) -> Reply | None:
    """The refusal of a body that is not announced as JSON, or too long."""
    if call.method not in _WITH_BODY:
        return None
    content_type = call.headers.get("Content-Type")
    if not content_type:
        return replies.bare_error("Content-Type header is required")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return replies.bare_error("Unsupported Content-Type")
    if len(call.body) > limit:
        raise Refused(413, "Payload Too Large")
    return None


def marked(reply: Reply) -> Reply:
    """Say in every JSON answer that it is not the real market's."""
    body = reply.body
    if isinstance(body, dict):
        return reply.with_body({**body, "emulated": True})
    if isinstance(body, list):
        rows = [{**row, "emulated": True} if isinstance(row, dict) else row for row in body]
        return reply.with_body(rows)
    return reply
