"""What a query string asks for, read and checked; every wrong parameter is a 422 with its name."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from urllib.parse import parse_qsl

from aurora.emulators.exchange import Call
from aurora.emulators.gateway_market.replies import Refused, invalid

_TRUTHS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}
DEFAULT_LIMIT, MAX_LIMIT = 50, 200

T = TypeVar("T")


def text(call: Call, name: str) -> str | None:
    return call.query.get(name) or None


def whole(
    call: Call, name: str, *, least: int, most: int | None = None, default: int | None = None
) -> int | None:
    """A whole number in bounds. Raises Refused."""
    given = text(call, name)
    if given is None:
        return default
    number = _read(name, given, int, "must be a whole number")
    if number < least or (most is not None and number > most):
        raise invalid([(name, f"must be from {least} to {most}" if most else f"must be {least} or more")])
    return number


def truth(call: Call, name: str) -> bool | None:
    given = text(call, name)
    if given is None:
        return None
    if given.lower() not in _TRUTHS:
        raise invalid([(name, "must be true or false")])
    return _TRUTHS[given.lower()]


def usd(call: Call, name: str) -> Decimal | None:
    given = text(call, name)
    if given is None:
        return None
    amount = _read(name, given, Decimal, "must be a decimal number")
    if not amount.is_finite():
        raise invalid([(name, "must be a decimal number")])
    return amount


def moment(call: Call, name: str) -> datetime | None:
    given = text(call, name)
    if given is None:
        return None
    # a plus sign that was not escaped arrives as a space
    at = _read(name, given.replace(" ", "+"), datetime.fromisoformat, "must be an RFC 3339 time")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def several(call: Call, name: str) -> Sequence[str]:
    """All values of a parameter that may be given more than once."""
    return [value for key, value in parse_qsl(call.raw_query) if key == name]


def limit(call: Call) -> int:
    return whole(call, "limit", least=1, most=MAX_LIMIT, default=DEFAULT_LIMIT) or DEFAULT_LIMIT


def cursor(call: Call, *names: str) -> tuple[str, ...] | None:
    """The values that a cursor of ours holds under these names. Raises Refused with `invalid_cursor`."""
    given = text(call, "cursor")
    if given is None:
        return None
    try:
        row = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
        return tuple(str(row[name]) for name in names)
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise Refused("invalid_cursor", "the cursor is not one of this list") from None


def cursor_of(**values: str) -> str:
    data = json.dumps(values, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _read(name: str, given: str, read: Callable[[str], T], says: str) -> T:
    try:
        return read(given)
    except (ValueError, InvalidOperation):
        raise invalid([(name, says)]) from None
