"""Money is `Decimal` US dollars with at most nine decimal places."""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, InvalidOperation

USD_STEP = Decimal("0.000000001")
"""The smallest amount kept: one billionth of a dollar (the database stores exactly this scale)."""

ZERO = Decimal(0)


def usd(value: Decimal | float | str) -> Decimal:
    """The amount rounded to the kept scale. Raises ValueError for what is no finite number.

    A float is read through its shortest decimal text, so 0.1 is 0.1.
    """
    try:
        amount = Decimal(str(value)) if not isinstance(value, Decimal) else value
        if not amount.is_finite():
            msg = f"not a finite amount: {value}"
            raise ValueError(msg)
        return amount.quantize(USD_STEP, rounding=ROUND_HALF_EVEN)
    except InvalidOperation as exc:
        msg = f"not an amount of money: {value!r}"
        raise ValueError(msg) from exc


def usd_up(value: Decimal) -> Decimal:
    """The amount rounded up to the kept scale: for ceilings and reservations."""
    return value.quantize(USD_STEP, rounding=ROUND_CEILING)


def usd_text(value: Decimal) -> str:
    """An amount for people: two decimals at least, six at most, no trailing zeros."""
    text = f"{value:.6f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2}"
