"""Durations as people write them: `90m`, `2h`, `1h30m`, `1d`."""

import re
from decimal import ROUND_UP, Decimal

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN = re.compile(r"(?:(?P<d>[\d.]+)d)?(?:(?P<h>[\d.]+)h)?(?:(?P<m>[\d.]+)m)?(?:(?P<s>[\d.]+)s)?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_EXACT = Decimal("0.000001")


def seconds_of(text: str) -> Decimal:
    """Seconds. Raises ValueError with a sentence for what is no duration above zero."""
    found = _WRITTEN.fullmatch(text.strip().lower().replace(" ", ""))
    parts = {unit: value for unit, value in (found.groupdict().items() if found else ()) if value}
    if not parts or not all(_NUMBER.fullmatch(value) for value in parts.values()):
        raise ValueError(f"{text!r} is not a duration; write 90m, 2h, 1h30m or 1d")
    total = sum((Decimal(value) * _UNITS[unit] for unit, value in parts.items()), start=Decimal(0))
    if total <= 0:
        raise ValueError(f"{text!r} is not longer than nothing")
    return total


def gpu_hours(duration: str, *, gpu_count: int) -> Decimal:
    """What so many GPUs use in this time: at least that, to a microhour. Raises ValueError."""
    return (seconds_of(duration) * gpu_count / 3600).quantize(_EXACT, rounding=ROUND_UP).normalize()


def written(seconds: Decimal | float) -> str:
    """`42 s`, `5 min 10 s`, `1 h 30 min`, `2 d 4 h`: the two largest units."""
    whole = int(seconds)
    if 0 < seconds < 10 and seconds != whole:
        return f"{seconds:.1f} s"
    for size, unit, below, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"
