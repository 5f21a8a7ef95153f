"""Instants as SaladCloud writes and reads them."""

import re
from datetime import UTC, datetime

from aurora.emulators.salad.replies import Refused

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(?P<fraction>\d+))?(Z|[+-]\d\d:?\d\d)")
_MILLISECOND = 3  # digits


def long(at: datetime) -> str:
    """Of groups and instances: up to seven decimals without trailing zeros, and `+00:00`."""
    fraction = f"{at.microsecond:06d}{at.microsecond % 10}".rstrip("0")
    return f"{at:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}+00:00"


def short(at: datetime) -> str:
    """Of logs: milliseconds and `Z`."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def read(name: str, text: str, *, fine: bool) -> datetime:
    """An instant of a log query; more than milliseconds is refused unless `fine`. Raises Refused."""
    found = _ISO.fullmatch(text)
    if found is None:
        raise Refused(400, f"{name}: must be an ISO 8601 date and time in UTC")
    if not fine and len(found["fraction"] or "") > _MILLISECOND:
        raise Refused(400, f"{name}: must not be more precise than milliseconds")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise Refused(400, f"{name}: is not a date and time") from None
