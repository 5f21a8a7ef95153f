"""The provider's own limits on one class of endpoints, under its bucket: a call needs both."""

from collections.abc import Mapping
from dataclasses import dataclass

from aurora.domain.clock import Clock
from aurora.resilience.meter import Bucket, Meter, StrictWindow
from aurora.resilience.policy import EndpointRule
from aurora.resilience.shared import TokenWant


@dataclass(frozen=True, slots=True)
class EndpointView:
    min_interval_s: float | None
    capacity: float | None
    """Units of the period; None without such a limit."""
    period_s: float
    available: float | None
    """Units left; negative after an overdraft."""
    next_in: float
    """Seconds until one call fits, pauses apart."""


class EndpointMeter:
    """A least interval, a quantity per period, or both."""

    def __init__(self, rule: EndpointRule, clock: Clock) -> None:
        self._rule = rule
        self._interval = Bucket(1, 1 / rule.min_interval_s, clock) if rule.min_interval_s else None
        self._period = _period_meter(rule, clock)

    def wait_for(self, cost: float, *, before: int, cost_before: float) -> float:
        """Seconds until `cost` fits behind `before` other calls, which take `cost_before`."""
        wait = 0.0
        if self._interval is not None and self._rule.min_interval_s is not None:
            wait = self._interval.wait_for(1) + before * self._rule.min_interval_s
        if self._period is not None:
            wait = max(wait, self._period.wait_for(cost, behind=cost_before))
        return wait

    async def spend(self, cost: float) -> None:
        if self._interval is not None:
            await self._interval.spend(1)
        if self._period is not None:
            await self._period.spend(cost)

    def charge(self, amount: float) -> None:
        """Rows already returned; without a limit per period there is nothing to count."""
        if self._period is not None:
            self._period.charge(amount)

    def charge_call(self, cost: float) -> None:
        """As `spend`, whether or not it fits."""
        if self._interval is not None:
            self._interval.charge(1)
        self.charge(cost)

    def wants(self, name: str, cost: float) -> list[TokenWant]:
        """What one call takes of the buckets that all replicas share."""
        found = []
        if self._rule.min_interval_s is not None:
            found.append(TokenWant(f"{name}#interval", 1, 0, 1, 1 / self._rule.min_interval_s))
        bucket = self.period_bucket(name)
        if bucket is not None and self._rule.per_period is not None:
            capacity, per_s = self._rule.per_period, self._rule.per_period / self._rule.period_s
            if self._rule.strict:  # half at once and half over the period: never more than all in any window
                capacity, per_s = max(1.0, capacity / 2), per_s / 2
            found.append(TokenWant(bucket, min(cost, capacity), 0, capacity, per_s))
        return found

    def period_bucket(self, name: str) -> str | None:
        """The shared bucket of the limit per period, where there is one."""
        return None if self._period is None else f"{name}#period"

    def carry(self, old: "EndpointMeter") -> None:
        """What the old limit had counted is still used, as far as the new one can hold it."""
        for mine, other in ((self._interval, old._interval), (self._period, old._period)):  # noqa: SLF001 - same class
            if mine is not None and other is not None:
                mine.charge(min(other.used(), mine.capacity))

    def view(self) -> EndpointView:
        period = self._period
        return EndpointView(
            min_interval_s=self._rule.min_interval_s,
            capacity=None if period is None else period.capacity,
            period_s=self._rule.period_s,
            available=None if period is None else period.capacity - period.used(),
            next_in=self.wait_for(1, before=0, cost_before=0),
        )


def _period_meter(rule: EndpointRule, clock: Clock) -> Meter | None:
    if rule.per_period is None:
        return None
    if rule.strict:
        return StrictWindow(rule.per_period, rule.period_s, clock)
    return Bucket(rule.per_period, rule.per_period / rule.period_s, clock)


def endpoint_meters(
    rules: Mapping[str, EndpointRule], clock: Clock, *, old: Mapping[str, EndpointMeter]
) -> dict[str, EndpointMeter]:
    """A meter for each rule, carrying over what the `old` ones had counted."""
    meters = {name: EndpointMeter(rule, clock) for name, rule in rules.items()}
    for name, meter in meters.items():
        if name in old:
            meter.carry(old[name])
    return meters
