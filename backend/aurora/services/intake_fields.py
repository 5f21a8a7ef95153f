"""Single fields of a request, read strictly: each reader gives a clean value or an InvalidRequest naming the field."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from aurora.domain.errors import InvalidRequest
from aurora.domain.money import usd
from aurora.domain.request import Weights

_HEAVIEST = 1e6
_LONGEST_LIST = 64


def amount(field: str, value: Any, *, most: Decimal, unit: str) -> Decimal:
    """A finite number > 0 and <= `most`, kept to nine decimal places."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise InvalidRequest(field, f"must be a number of {unit}")
    try:
        found = usd(value)
    except ValueError:
        raise InvalidRequest(field, f"must be a finite number of {unit}, at most {plain(most)}") from None
    if found <= 0:
        raise InvalidRequest(field, f"must be more than 0 {unit}")
    if found > most:
        raise InvalidRequest(field, f"must be at most {plain(most)} {unit}")
    return found.normalize()


def number(field: str, value: Any, *, low: float, high: float) -> float:
    """A finite number from `low` to `high`."""
    if not _within(value, low=low, high=high):
        raise InvalidRequest(field, f"must be a number from {low:g} to {high:g}")
    return float(value)


def count(field: str, value: Any, *, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidRequest(field, f"must be a whole number from {low} to {high}")
    return value


def flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(field, "must be true or false")
    return value


def text(field: str, value: Any) -> str:
    """A text that is not blank, without blanks around it."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(field, "must be a text")
    return value.strip()


def choice(field: str, value: Any, *, known: Collection[str]) -> str:
    """One of `known`, in any case."""
    found = text(field, value).lower()
    if found not in known:
        raise InvalidRequest(field, f"must be one of {', '.join(known)}")
    return found


def market_names(field: str, value: Any, *, known: Collection[str]) -> frozenset[str]:
    """Names of markets; `vast.ai` and `VastAI` are `vastai`."""
    if not isinstance(value, list | tuple | set | frozenset) or len(value) > _LONGEST_LIST:
        raise InvalidRequest(field, "must be a list of provider names")
    return frozenset(market_name(field, item, known=known) for item in value)


def market_name(field: str, value: Any, *, known: Collection[str]) -> str:
    found = "".join(letter for letter in text(field, value).lower() if letter not in ". _-")
    if found not in known:
        raise InvalidRequest(field, f"unknown provider; known: {', '.join(sorted(known))}")
    return found


def weights(value: Any) -> Weights:
    """All weights at once: what is missing is 0. Negative, not finite or all zero is refused."""
    names = [each.name for each in fields(Weights)]
    if not isinstance(value, Mapping) or not set(value) <= set(names):
        raise InvalidRequest("weights", f"must be numbers for some of {', '.join(names)}")
    found = Weights(**{name: _weight(name, value.get(name)) for name in names})
    if found.total <= 0:
        raise InvalidRequest("weights", "at least one weight must be more than 0")
    return found


def _weight(name: str, value: Any) -> float:
    if value is None:
        return 0.0
    if not _within(value, low=0, high=_HEAVIEST):
        raise InvalidRequest("weights", f"{name} must be a number from 0 to {_HEAVIEST:g}")
    return float(value)


def _within(value: Any, *, low: float, high: float) -> bool:
    """Is it a number in the range? NaN is in none, and an integer of any length may be asked about."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return not (isinstance(value, Decimal) and value.is_nan()) and low <= value <= high


def plain(value: Decimal) -> str:
    """The shortest text without an exponent: 1E+3 is 1000."""
    return f"{value.normalize():f}"
