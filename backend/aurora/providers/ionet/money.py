"""io.net's prepaid hours. What comes back of hours that are not used is documented nowhere, so the rule has a name."""

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from aurora.domain.billing import BillingRule, BillingUnit
from aurora.domain.money import usd

FIRST_HOURS = 1
"""Paid with the create: the least that can be; `extend` buys the others one by one, so that little is ever unused."""
MINUTES_PER_HOUR = 60
SECONDS_PER_HOUR = 3600
HIGHEST_USD_PER_HOUR = Decimal(10_000)


class RefundRule(StrEnum):
    """What an early end costs."""

    FIRST_HOUR_KEPT = "first_hour_kept"
    """The first hour is kept, the rest is settled by the minute: VMaaS' rule [2nd], that CaaS has it too is a [guess]."""
    NOTHING_BACK = "nothing_back"
    """Every hour that was paid is gone."""


BILLING: Mapping[RefundRule, BillingRule] = {
    RefundRule.FIRST_HOUR_KEPT: BillingRule(
        unit=BillingUnit.HOUR_PREPAID, quantum_s=Decimal(MINUTES_PER_HOUR), minimum_s=SECONDS_PER_HOUR
    ),
    RefundRule.NOTHING_BACK: BillingRule(
        unit=BillingUnit.HOUR_PREPAID, quantum_s=Decimal(SECONDS_PER_HOUR), minimum_s=SECONDS_PER_HOUR
    ),
}
"""Time that was paid for and will not be used is a cost from the first second: never hidden."""


def hours_for(seconds: float) -> int:
    """Whole hours that cover `seconds`."""
    return max(1, math.ceil(seconds / SECONDS_PER_HOUR))


def paid_hours(minutes: int) -> int:
    """Hours that were paid: served and remaining minutes are rounded by the market, hours are always whole."""
    hours = (Decimal(minutes) / MINUTES_PER_HOUR).to_integral_value(rounding=ROUND_HALF_UP)
    return max(1, int(hours))


def rate(amount_paid: Decimal | None, minutes: int | None) -> Decimal | None:
    """USD per hour that is being charged: all that was paid over all hours that it paid for (details example)."""
    if amount_paid is None or minutes is None or amount_paid <= 0 or minutes <= 0:
        return None
    found = amount_paid / paid_hours(minutes)
    return usd(found) if found <= HIGHEST_USD_PER_HOUR else None


def unused(minutes: int | None, rule: RefundRule) -> str | None:
    """What is said of paid time that is left at the end."""
    if not minutes:
        return None
    if rule is RefundRule.NOTHING_BACK:
        return f"{minutes} paid minutes unused: nothing comes back"
    return f"{minutes} paid minutes unused: those beyond the first hour come back (assumed, io.net documents no rule)"
