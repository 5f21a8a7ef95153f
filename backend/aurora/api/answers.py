"""JSON answers, written once and fast: money as short numbers, times in ISO 8601 with Z."""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fastapi.responses import Response

from aurora.domain.money import usd


def iso(moment: datetime) -> str:
    """`2026-01-15T12:00:00.000Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _plain(value: Any) -> Any:
    """What the json module does not know. Money keeps nine decimal places: 2.50 is 2.5, a third is 0.333333333."""
    if isinstance(value, Decimal):
        return float(usd(value))
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return sorted(value)
    msg = f"no JSON for {type(value).__name__}"
    raise TypeError(msg)


_ENCODER = json.JSONEncoder(default=_plain, allow_nan=False, separators=(",", ":"))


def encode(content: Any) -> bytes:
    """Compact ASCII JSON. Raises ValueError for NaN and infinity, which JSON does not have."""
    return _ENCODER.encode(content).encode("ascii")


class JsonAnswer(Response):
    """A dict as it is, without a model in between."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return encode(content)
