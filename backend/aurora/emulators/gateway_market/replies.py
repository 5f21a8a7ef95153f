"""The contract's own words: its error codes, and how times and money are written."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from aurora.emulators.exchange import Reply

_MICRO = Decimal("0.000001")
_STATUS: Mapping[str, int] = {
    "invalid_cursor": 400,
    "missing_idempotency_key": 400,
    "bad_json": 400,
    "unauthenticated": 401,
    "insufficient_funds": 402,
    "forbidden": 403,
    "not_found": 404,
    "price_changed": 409,
    "idempotency_mismatch": 409,
    "no_capacity": 409,
    "logs_expired": 410,
    "invalid_request": 422,
    "rate_limited": 429,
}
_RETRYABLE = frozenset({"no_capacity", "rate_limited"})


class Refused(Exception):
    """The call is refused with a code of the contract; `retry_after` in seconds."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details = details or {}
        self.retry_after = retry_after

    def reply(self, request_id: str) -> Reply:
        error = {
            "code": self.code,
            "message": str(self),
            "retryable": self.code in _RETRYABLE,
            "request_id": request_id,
            "details": self.details,
        }
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return Reply({"error": error, "emulated": True}, _STATUS[self.code], headers)


def invalid(fields: Sequence[tuple[str, str]]) -> Refused:
    """422 with every wrong field, as path and message."""
    first_path, first = fields[0]
    rows = [{"path": path, "message": message} for path, message in fields]
    return Refused("invalid_request", f"{first_path}: {first}", details={"fields": rows})


def rounded(usd: Decimal) -> Decimal:
    return usd.quantize(_MICRO, ROUND_HALF_UP)


def money(usd: Decimal) -> str:
    return f"{rounded(usd):f}"


def moment(at: datetime) -> str:
    """To the second where there is nothing finer."""
    whole = "milliseconds" if at.microsecond else "seconds"
    return at.isoformat(timespec=whole).replace("+00:00", "Z")


def moment_or_null(at: datetime | None) -> str | None:
    return None if at is None else moment(at)
