"""Reading one JSON object of a market without trusting it.

Markets send ints as floats, numbers as strings, null for absent, and sometimes rubbish. What is unambiguous is
accepted; the rest is None (optional) or `Odd` (required).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

LARGEST = Decimal(10) ** 18
"""No figure of any market is larger; beyond it conversions would cost memory for nothing."""
_LOWEST = -LARGEST
_LARGEST_INT = int(LARGEST)
"""Whole numbers are compared with a whole number: against a Decimal it takes five times as long."""
LATEST_EPOCH_S = 4_102_444_800
"""2100-01-01: no date of any market is later."""

_NUMERIC = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]+")


class Odd(ValueError):
    """An item that cannot be understood. The text is the reason that is counted: keep ids out of it."""

    @property
    def reason(self) -> str:
        return str(self)


def number(value: object) -> Decimal | None:
    """A finite number up to `LARGEST`, from an int, a float, a Decimal or a numeric string; else None."""
    # Read for tens of thousands of rows a minute: what JSON gives for numbers comes first.
    if isinstance(value, int):
        usable = not isinstance(value, bool) and -_LARGEST_INT <= value <= _LARGEST_INT
        return Decimal(value) if usable else None
    if isinstance(value, str):
        text = value.strip()
        value = Decimal(text) if _NUMERIC.fullmatch(text) else None
    elif isinstance(value, float):
        value = Decimal(repr(value))
    if not isinstance(value, Decimal):
        return None
    return +value if value.is_finite() and _LOWEST <= value <= LARGEST else None


def integer(value: object) -> int | None:
    """A whole number, `8.0` and `"8"` included; else None."""
    if type(value) is int:
        return value if -_LARGEST_INT <= value <= _LARGEST_INT else None
    found = number(value)
    return int(found) if found is not None and found == found.to_integral_value() else None


def text(value: object, *, limit: int = 500) -> str | None:
    """A trimmed, printable text of at most `limit` characters; None when there is nothing to read."""
    if not isinstance(value, str):
        return None
    if not value.isprintable():
        value = _UNWANTED.sub(" ", value)
    return value.strip()[:limit] or None


def moment(value: object) -> datetime | None:
    """Epoch seconds as aware UTC."""
    seconds = number(value)
    if seconds is None or not 0 < seconds < LATEST_EPOCH_S:
        return None
    return datetime.fromtimestamp(float(seconds), UTC)


def iso_moment(value: object) -> datetime | None:
    """ISO 8601 as aware UTC; without a zone it is UTC."""
    found = text(value, limit=40)
    try:
        moment_read = None if found is None else datetime.fromisoformat(found)
    except ValueError:
        return None
    if moment_read is None:
        return None
    return moment_read.replace(tzinfo=UTC) if moment_read.tzinfo is None else moment_read.astimezone(UTC)


class Fields:
    """One JSON object. Optional readers answer None for what is absent or odd; `need_*` raise `Odd`."""

    def __init__(self, row: Mapping[str, object]) -> None:
        self._row = row

    def __contains__(self, name: str) -> bool:
        return self._row.get(name) is not None

    def has(self, name: str) -> bool:
        """Is it there at all, be it null?"""
        return name in self._row

    def raw(self, name: str) -> object:
        return self._row.get(name)

    def number(self, name: str) -> Decimal | None:
        return number(self._row.get(name))

    def integer(self, name: str) -> int | None:
        return integer(self._row.get(name))

    def text(self, name: str, *, limit: int = 500) -> str | None:
        return text(self._row.get(name), limit=limit)

    def moment(self, name: str) -> datetime | None:
        """Epoch seconds as aware UTC."""
        return moment(self._row.get(name))

    def iso_moment(self, name: str) -> datetime | None:
        """ISO 8601 as aware UTC."""
        return iso_moment(self._row.get(name))

    def flag(self, name: str) -> bool | None:
        value = self._row.get(name)
        return value if isinstance(value, bool) else None

    def within(self, name: str, low: float, high: float) -> float | None:
        """A float between the bounds, None when absent or outside."""
        value = self._row.get(name)
        # what JSON gives for numbers needs no second look
        if type(value) is int:
            return float(value) if low <= value <= high else None
        found = value if type(value) is Decimal and value.is_finite() else number(value)
        size = None if found is None else float(found)
        return size if size is not None and low <= size <= high else None

    def object(self, name: str) -> "Fields":
        """The object under `name`; an empty one when it is anything else."""
        value = self._row.get(name)
        return Fields(value if isinstance(value, dict) else {})

    def need_number(self, name: str, *, low: Decimal, high: Decimal) -> Decimal:
        """A number between the bounds. Raises Odd."""
        found = self.number(name)
        if found is None:
            raise Odd(f"{name} is missing" if name not in self else f"{name} is not a number")
        if not low <= found <= high:
            raise Odd(f"{name} is out of range")
        return found

    def need_integer(self, name: str, *, low: int, high: int) -> int:
        """A whole number between the bounds. Raises Odd."""
        plain = self._row.get(name)
        if type(plain) is int and low <= plain <= high:
            return plain
        found = self.need_number(name, low=Decimal(low), high=Decimal(high))
        if found != found.to_integral_value():
            raise Odd(f"{name} is not a whole number")
        return int(found)

    def need_text(self, name: str) -> str:
        """A text that is not empty. Raises Odd."""
        found = self.text(name)
        if found is None:
            raise Odd(f"{name} is missing")
        return found
