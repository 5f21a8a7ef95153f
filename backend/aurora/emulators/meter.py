"""A per-second meter: what a rented thing cost, exactly, in Decimal, over any window of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

_HOUR_IN_MICROSECONDS = Decimal(3_600_000_000)
_MICROSECOND = timedelta(microseconds=1)
ZERO = Decimal(0)


@dataclass(frozen=True)
class Rate:
    """Money per hour, by what it is for."""

    gpu: Decimal = ZERO
    disk: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.gpu + self.disk

    def times(self, factor: Decimal) -> "Rate":
        return Rate(self.gpu * factor, self.disk * factor)


@dataclass(frozen=True)
class Span:
    """A stretch of time at one rate."""

    start: datetime
    end: datetime
    rate: Rate


@dataclass(frozen=True)
class Bill:
    """Money for a window of time, and the hours the GPU part of it was charged for."""

    gpu: Decimal = ZERO
    disk: Decimal = ZERO
    gpu_hours: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.gpu + self.disk


class Meter:
    """Runs from `start` at a rate that `switch` changes. Instants must not go backwards."""

    def __init__(self, start: datetime) -> None:
        self._spans: list[Span] = []
        self._since = start
        self._rate = Rate()
        self._closed = Bill()  # what the closed spans add up to, so that a reading costs no walk

    @property
    def rate(self) -> Rate:
        return self._rate

    def switch(self, at: datetime, rate: Rate) -> None:
        """Charge the rate so far up to `at`, and `rate` from then on."""
        at = max(at, self._since)
        if at > self._since and self._rate.total:
            span = Span(self._since, at, self._rate)
            self._spans.append(span)
            self._closed = _added(self._closed, span, start=span.start, end=span.end)
        self._since, self._rate = at, rate

    def bill(self, until: datetime) -> Bill:
        """Everything charged from the start until now."""
        return _added(self._closed, self._open(until), start=self._since, end=until)

    def window(self, start: datetime, end: datetime) -> Bill:
        """What was charged between two instants."""
        bill = Bill()
        for span in [*self._spans, self._open(end)]:
            bill = _added(bill, span, start=start, end=end)
        return bill

    def _open(self, until: datetime) -> Span:
        return Span(self._since, max(until, self._since), self._rate)


def _added(bill: Bill, span: Span, *, start: datetime, end: datetime) -> Bill:
    length = min(span.end, end) - max(span.start, start)
    if length <= timedelta(0):
        return bill
    hours = Decimal(length // _MICROSECOND) / _HOUR_IN_MICROSECONDS
    charged = hours if span.rate.gpu else ZERO
    return Bill(
        bill.gpu + span.rate.gpu * hours, bill.disk + span.rate.disk * hours, bill.gpu_hours + charged
    )
