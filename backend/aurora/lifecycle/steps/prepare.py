"""A create of several steps: our next move at the market, until the machine starts or nothing comes of it."""

from aurora.domain.errors import NoCapacity, OfferGone, PaymentRequired, ProviderError
from aurora.domain.instance import InstanceState
from aurora.domain.money import usd_text
from aurora.domain.records import Attempt
from aurora.lifecycle.context import Context
from aurora.lifecycle.spec import launch_spec
from aurora.lifecycle.steps.close import record_outcome, start_ending
from aurora.lifecycle.steps.fail_over import fail_over
from aurora.lifecycle.work import Work
from aurora.providers.base import Provider, SupportsSteps

_HOPELESS = (NoCapacity, OfferGone, PaymentRequired)


async def prepare(context: Context, work: Work, attempt: Attempt, provider: Provider) -> None:
    """One move. What it agreed to is known at the latest from the next sighting, also when its answer is lost."""
    work.change(phase="preparing")
    if not isinstance(provider, SupportsSteps):
        work.again_in(context.policy.start_poll)
        return
    try:
        seen = await provider.advance(attempt.external_id or "", launch_spec(context, work, attempt))
    except ProviderError as exc:
        work.now = context.clock.now()
        if isinstance(exc, _HOPELESS) or (
            exc.outcome_known and not exc.retryable and exc.retry_after is None
        ):
            _hopeless(context, work, attempt, exc)
            return
        work.change_attempt(attempt, detail=str(exc))
        work.again_in(max(exc.retry_after or 0.0, context.policy.start_poll))
        return
    work.now = context.clock.now()
    changes: dict[str, object] = {"raw_state": seen.raw_state, "detail": seen.message}
    if seen.quoted_usd_per_hour is not None:
        changes["quoted_usd_per_hour"] = seen.quoted_usd_per_hour
        if attempt.quoted_usd_per_hour != seen.quoted_usd_per_hour:
            text = f"agreed on ${usd_text(seen.quoted_usd_per_hour)}/h (decided on ${usd_text(attempt.decided_usd_per_hour)}/h)"
            work.event("price_agreed", text, attempt=attempt.number)
    work.change_attempt(attempt, **changes)
    work.again_in(0.0 if seen.state is not InstanceState.PREPARING else context.policy.start_poll)


def _hopeless(context: Context, work: Work, attempt: Attempt, exc: ProviderError) -> None:
    """Nothing will run here; what the create left behind (a locked deposit) is given back."""
    text = f"{attempt.provider}: {exc.detail or exc.code}"
    work.event("refused", text, attempt=attempt.number)
    record_outcome(work, attempt, "nocap" if isinstance(exc, NoCapacity | OfferGone) else "fail_fast")
    start_ending(work, attempt, reason=exc.code)
    fail_over(context, work, reason=text)
