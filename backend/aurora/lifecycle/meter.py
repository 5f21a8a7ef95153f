"""Running time and money of an attempt, counted between two looks."""

from datetime import datetime
from decimal import Decimal

from aurora.domain.billing import BillingRule
from aurora.domain.records import Attempt
from aurora.lifecycle.work import Work


def bill(
    work: Work, attempt: Attempt, rule: BillingRule, *, billing: bool, charged: Decimal | None = None
) -> Attempt:
    """Count the time since the last look if the meter was running; `billing` says whether it runs from now on.

    Time without observation (restart, unreachable provider) counts: the market bills it too. `charged` is what the
    market says it took in all: it goes before our count, and stays once nothing more is counted.
    """
    attempt = work.attempts[attempt.number]
    elapsed = _elapsed(attempt, work.now)
    seconds = attempt.billed_s + elapsed
    cost = attempt.cost_usd if charged is None else charged
    if charged is None and elapsed > 0:
        cost = rule.cost(attempt.usd_per_hour, seconds)
    changed = work.change_attempt(
        attempt, billed_s=seconds, billed_until=work.now if billing else None, cost_usd=cost
    )
    work.change(cost_usd=sum((one.cost_usd for one in work.attempts.values()), start=cost * 0))
    return changed


def _elapsed(attempt: Attempt, now: datetime) -> float:
    return 0.0 if attempt.billed_until is None else max(0.0, (now - attempt.billed_until).total_seconds())


def running_seconds(work: Work) -> float:
    """Time spent running, over all attempts, up to now."""
    total = 0.0
    for one in work.attempts.values():
        if one.running_at is not None:
            end = one.ended_at or one.terminate_asked_at or work.now
            total += max(0.0, (end - one.running_at).total_seconds())
    return total
