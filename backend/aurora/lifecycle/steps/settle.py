"""An unknown create is settled by finding our name at the provider, never by creating again."""

from aurora.domain.deployment import AttemptState, EndReason
from aurora.domain.errors import ProviderError
from aurora.domain.instance import Created, InstanceState
from aurora.domain.records import Attempt
from aurora.lifecycle.context import Context
from aurora.lifecycle.steps.close import end_attempt, start_ending
from aurora.lifecycle.steps.fail_over import fail_over
from aurora.lifecycle.steps.launch import launched
from aurora.lifecycle.work import Work


async def settle(context: Context, work: Work, attempt: Attempt) -> None:
    """Found: adopt it. Not found for longer than the market's list may lag: it was never created."""
    provider = context.providers.get(attempt.provider)
    if attempt.state is AttemptState.SENT:
        attempt = work.change_attempt(attempt, state=AttemptState.UNKNOWN, detail="restarted while creating")
        work.event("create_unknown", f"restarted while creating {attempt.name}", attempt=attempt.number)
    work.change(phase="settling")
    try:
        found = await context.sightings.find_named(provider, attempt.name)
    except ProviderError as exc:
        work.change_attempt(attempt, detail=f"cannot look for {attempt.name}: {exc.detail or exc.code}")
        work.again_in(max(exc.retry_after or 0.0, 5.0))
        return
    work.now = context.clock.now()
    if found is not None:
        ending = attempt.end_reason
        text = f"found {attempt.name} at {attempt.provider}: the create had succeeded"
        work.event("adopted", text, attempt=attempt.number)
        sent_at = attempt.sent_at or attempt.intent_at
        attempt = launched(work, attempt, Created(found.external_id, found.usd_per_hour))
        if found.state is InstanceState.RUNNING:
            # Nobody saw when it began to run; the market has billed it since.
            attempt = work.change_attempt(attempt, billed_until=sent_at)
        if ending is not None:
            start_ending(work, attempt, reason=ending)
        return
    _not_found(context, work, attempt, provider.capabilities.list_settles_within_s)


def _not_found(context: Context, work: Work, attempt: Attempt, lag_s: float) -> None:
    since = attempt.sent_at or attempt.intent_at
    if (work.now - since).total_seconds() <= lag_s:
        work.again_in(max(1.0, min(5.0, lag_s / 10)))
        return
    # The first sighting of absence after the lag is remembered; a second, later one settles it.
    if attempt.absent_at is None:
        work.change_attempt(attempt, absent_at=work.now)
        work.again_in(context.policy.absent_twice_s)
        return
    if (work.now - attempt.absent_at).total_seconds() < context.policy.absent_twice_s:
        work.again_in(context.policy.absent_twice_s)
        return
    text = f"{attempt.name} never appeared at {attempt.provider}"
    work.event("not_created", text, attempt=attempt.number)
    end_attempt(
        work, attempt, reason=EndReason.NOT_CREATED, outcome="fail_fast", hold_s=context.policy.refusal_hold
    )
    fail_over(context, work, reason=text)
