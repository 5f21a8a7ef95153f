"""How long the credit surely lasts: a cautious answer that needs no look at every bill."""

from datetime import datetime, timedelta
from decimal import Decimal

_LONG_HOURS = 1_000_000.0
_CAUTION = 0.999  # of the credit: what floats may get wrong


class Cushion:
    """Between two reckonings the rate only grows here, so that what is said is never too much."""

    def __init__(self, at: datetime) -> None:
        self._until = at
        self._rate = 0.0

    def lasts(self, until: datetime) -> bool:
        return until < self._until

    def reckon(self, at: datetime, *, credit: Decimal, rate: Decimal) -> None:
        """The true credit, and the most USD per hour that can be spent from now on."""
        self._rate = float(rate)
        left = max(0.0, float(credit)) * _CAUTION
        self._until = at + (_span(left / self._rate) if self._rate else _span(_LONG_HOURS if left else 0.0))

    def burden(self, at: datetime, rate: Decimal) -> None:
        """So many USD per hour more may be spent."""
        left = max(0.0, (self._until - at).total_seconds() / 3600) * self._rate
        self._rate += float(rate)
        self._until = at + (_span(left / self._rate) if self._rate else _span(0.0))


def _span(hours: float) -> timedelta:
    return timedelta(hours=min(hours, _LONG_HOURS))
