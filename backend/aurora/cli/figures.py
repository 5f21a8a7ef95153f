"""Figures as people read them. None is always a dash: no data is not zero."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aurora.cli.durations import written

NOTHING = "-"


def usd(value: Any, *, places: int = 4) -> str:
    """`$0.6610`."""
    return NOTHING if value is None else f"${Decimal(str(value)):,.{places}f}"


def priced(value: Any, kind: Any) -> str:
    """`$0.6610 firm`: no price without its kind."""
    return NOTHING if value is None else f"{usd(value)} {kind}"


def cost(value: Any) -> str:
    """Money spent: cents from one dollar on, four places below."""
    if value is None:
        return NOTHING
    return usd(value, places=2 if abs(Decimal(str(value))) >= 1 else 4)


def limit_usd(value: Any) -> str:
    """A limit somebody wrote: `$5`, `$0.66`, `$7.20`, `$0.125`."""
    if value is None:
        return NOTHING
    amount = Decimal(str(value)).normalize()
    digits = -int(amount.as_tuple().exponent)
    return f"${amount:,.{max(2, digits) if digits > 0 else 0}f}"


def number(value: Any, *, places: int = 0, unit: str = "") -> str:
    """`1,606`, `21 ms`."""
    if value is None:
        return NOTHING
    return f"{Decimal(str(value)):,.{places}f}{f' {unit}' if unit else ''}"


def short(value: Any) -> str:
    """As few digits as say it: `2`, `1.5`."""
    return NOTHING if value is None else f"{Decimal(str(value)).normalize():f}"


def share(value: Any) -> str:
    """`97 %`."""
    return NOTHING if value is None else f"{Decimal(str(value)) * 100:.0f} %"


def age(seconds: Any) -> str:
    """`41 s ago`."""
    return "never" if seconds is None else f"{written(Decimal(str(seconds)))} ago"


def lasting(seconds: Any) -> str:
    """`1 h 30 min`."""
    return NOTHING if seconds is None else written(Decimal(str(seconds)))


def moment(text: Any) -> datetime | None:
    """A time of the API, with its zone."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def clock_time(text: Any) -> str:
    """`09:15:46`, in UTC like Aurora's logs."""
    found = moment(text)
    return NOTHING if found is None else found.astimezone(UTC).strftime("%H:%M:%S")


def day_and_time(text: Any) -> str:
    """`2026-11-21 09:15`, in UTC."""
    found = moment(text)
    return NOTHING if found is None else found.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def date_and_time(text: Any) -> str:
    """`2026-11-21 09:15:46 UTC`."""
    found = moment(text)
    return NOTHING if found is None else found.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plural(count: Any, noun: str) -> str:
    """`1 offer`, `3 offers`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"
