"""The Console's own words: its error bodies (contract, section 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aurora.emulators.akash.chain import MICRO
from aurora.emulators.exchange import Reply

_CLASSES = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    402: "PaymentRequiredError",
    403: "ForbiddenError",
    404: "NotFoundError",
    409: "ConflictError",
    413: "PayloadTooLargeError",
    422: "UnprocessableEntityError",
    429: "TooManyRequestsError",
    500: "InternalServerError",
    502: "BadGatewayError",
    503: "ServiceUnavailableError",
}
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    429: "rate_limited",
    500: "internal_server_error",
    502: "service_unavailable",
    503: "service_unavailable",
}


@dataclass(frozen=True)
class Refused(Exception):
    """The call is answered with an error. `code` None takes the one of the status."""

    status: int
    message: str
    code: str | None = None
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def reply(self) -> Reply:
        kind = "validation_error" if self.code == "validation_error" else None
        kind = kind or ("client_error" if self.status < 500 else "server_error")
        body = {
            "error": _CLASSES.get(self.status, "HttpError"),
            "message": self.message,
            "code": self.code or _CODES.get(self.status, "unknown_error"),
            "type": "service_unavailable" if self.status == 503 else kind,
        }
        return Reply(
            {**body, "data": self.data} if self.data is not None else body, self.status, self.headers
        )


def invalid(path: Sequence[str | int], code: str, message: str, **more: str) -> Refused:
    """A body or query that breaks the schema: one issue, as the Console's validator words it."""
    issue = {"code": code, **more, "path": list(path), "message": message}
    return Refused(400, "Validation error", "validation_error", [issue])


def of_wrong_type(path: Sequence[str | int], expected: str, value: Any) -> Refused:
    received = _received(value)
    message = "Required" if received == "undefined" else f"Expected {expected}, received {received}"
    return invalid(path, "invalid_type", message, expected=expected, received=received)


def no_deployment() -> Refused:
    return Refused(404, "Deployment not found")


def invalid_sdl(message: str) -> Refused:
    return Refused(400, f"Invalid SDL: {message}")


def no_balance(needed: Decimal, available: Decimal, *, modern: bool) -> Refused:
    """Era B says by how much the money falls short."""
    message = "Not enough balance to cover the deployment deposit. Add credits or turn on auto recharge to continue."
    if not modern:
        return Refused(402, message)
    data = {"requiredAmountUsd": float(needed / MICRO), "availableAmountUsd": float(available / MICRO)}
    return Refused(402, message, "insufficient_balance", data)


def bare_error(message: str, status: int = 400) -> Reply:
    """Some handlers answer with nothing but this."""
    return Reply({"error": message}, status)


def unknown_route() -> Reply:
    return Reply("404 Not Found", 404, content_type="text/plain")


def _received(value: Any) -> str:
    """The type of a JSON value in JavaScript's words; None stands for a key that is not there."""
    if value is None:
        return "undefined"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    names: dict[type, str] = {str: "string", list: "array", dict: "object"}
    return names.get(type(value), "unknown")
