"""Created or running: what the market says of it, what it costs, and when it must end."""

from datetime import datetime, timedelta

from aurora.domain.deployment import AttemptState, DeploymentStatus, EndReason
from aurora.domain.errors import InstanceNotFound, ProviderError
from aurora.domain.instance import Instance, InstanceState
from aurora.domain.money import usd_text
from aurora.domain.records import Attempt
from aurora.lifecycle.context import Context
from aurora.lifecycle.meter import bill, running_seconds
from aurora.lifecycle.steps.close import end_attempt, record_outcome, start_ending
from aurora.lifecycle.steps.fail_over import fail_over, give_up
from aurora.lifecycle.steps.keep_paid import keep_paid
from aurora.lifecycle.steps.prepare import prepare
from aurora.lifecycle.work import Work
from aurora.providers.base import Provider

_TOLERANCE_USD = 0.000_01
"""Rounding of a market's own price arithmetic, per hour; anything above is a broken ceiling."""

_SELDOM_S = 5.0
"""Looks further apart than this may come up to a second early."""


async def watch(context: Context, work: Work, attempt: Attempt) -> None:
    """One look at the current attempt."""
    provider = context.providers.get(attempt.provider)
    try:
        seen = await context.sightings.see(provider, attempt)
    except InstanceNotFound:
        work.now = context.clock.now()
        await _absent(context, work, attempt, provider)
        return
    except ProviderError as exc:
        work.now = context.clock.now()
        bill(work, attempt, provider.billing, billing=attempt.billed_until is not None)
        _unseen(context, work, attempt, f"{exc.provider}: {exc.detail or exc.code}")
        _limits(work, attempt)
        return
    work.now = context.clock.now()
    if attempt.billed_until is None and attempt.unseen_since and seen.state is InstanceState.RUNNING:
        # It began to run while nobody could look: the market has billed that time.
        attempt = work.change_attempt(attempt, billed_until=attempt.unseen_since)
    attempt = _sighted(work, attempt, seen)
    await _by_state(context, work, attempt, seen, provider)
    _limits(work, attempt)


def _sighted(work: Work, attempt: Attempt, seen: Instance) -> Attempt:
    """Keep what this sighting adds; a price over the ceiling ends the attempt."""
    trusted = seen.state not in {InstanceState.UNREACHABLE, InstanceState.UNKNOWN}
    changes: dict[str, object] = {"raw_state": seen.raw_state, "detail": seen.message, "absent_at": None}
    if trusted:
        changes["unseen_since"] = None
    if seen.endpoints:
        changes["endpoints"] = tuple(
            {"port": one.port, "host": one.host, "public_port": one.url_port, "url": one.url}
            for one in seen.endpoints
        )
    if seen.quoted_usd_per_hour is not None:
        changes["quoted_usd_per_hour"] = seen.quoted_usd_per_hour
    if seen.usd_per_hour is not None:
        changes["charged_usd_per_hour"] = seen.usd_per_hour
    attempt = work.change_attempt(attempt, **changes)
    charged = attempt.charged_usd_per_hour
    if charged is not None and float(charged - attempt.ceiling_usd_per_hour) > _TOLERANCE_USD:
        text = (
            f"charged ${usd_text(charged)}/h, over the ceiling of ${usd_text(attempt.ceiling_usd_per_hour)}/h"
        )
        work.event("price_above_ceiling", text, attempt=attempt.number)
        attempt = start_ending(work, attempt, reason=EndReason.PRICE_ABOVE_CEILING)
    return attempt


async def _by_state(
    context: Context, work: Work, attempt: Attempt, seen: Instance, provider: Provider
) -> None:
    billing = _meter_runs(seen.state, attempt, provider)
    attempt = bill(work, attempt, provider.billing, billing=billing, charged=seen.charged_usd)
    if attempt.state is AttemptState.ENDING:
        fail_over(context, work, reason=f"price above the ceiling at {attempt.provider}")
        return
    if seen.state is InstanceState.PREPARING:
        await prepare(context, work, attempt, provider)
    elif seen.state is InstanceState.RUNNING:
        _running(context, work, attempt)
        await keep_paid(context, work, attempt, seen, provider)
    elif seen.state is InstanceState.STARTING:
        _starting(context, work, attempt)
    elif seen.state in {InstanceState.UNREACHABLE, InstanceState.UNKNOWN}:
        _unseen(context, work, attempt, f"{attempt.provider} says {seen.raw_state}", at_once=True)
    elif seen.state is InstanceState.EXITED:
        _exited(work, attempt)
    elif seen.state is InstanceState.FAILED:
        _failed(context, work, attempt, seen)
    elif seen.state is InstanceState.STOPPED:
        _stopped(context, work, attempt, seen)
    else:
        work.again_in(context.policy.ending_poll)


def _meter_runs(state: InstanceState, attempt: Attempt, provider: Provider) -> bool:
    """Does the market bill from now on? Silence counts as billing: the money is gone either way."""
    if state in {InstanceState.RUNNING, InstanceState.ENDING}:
        return True
    if state in {InstanceState.UNREACHABLE, InstanceState.UNKNOWN}:
        return attempt.billed_until is not None or provider.billing.from_creation
    # A market that bills from the lease on bills while it starts; before it has a price there is no lease.
    leased = attempt.charged_usd_per_hour is not None
    return state is InstanceState.STARTING and provider.billing.from_creation and leased


def _running(context: Context, work: Work, attempt: Attempt) -> None:
    if attempt.state is not AttemptState.RUNNING:
        attempt = work.change_attempt(
            attempt, state=AttemptState.RUNNING, running_at=work.now, billed_until=work.now
        )
        started = attempt.sent_at or attempt.intent_at
        record_outcome(work, attempt, "ok", ttr_s=(work.now - started).total_seconds())
    if work.deployment.running_at is None:
        work.change(running_at=work.now)
    if not work.ending:
        work.move(DeploymentStatus.RUNNING, phase="running")
    work.again_in(_on_the_second(work.now, context.policy.running_poll))


def _on_the_second(now: datetime, seconds: float) -> float:
    """At most `seconds`, ending with a second of the clock: looks that are due together share their transactions."""
    early = (now + timedelta(seconds=seconds)).microsecond / 1e6
    return seconds - early if seconds > _SELDOM_S else seconds


def _starting(context: Context, work: Work, attempt: Attempt) -> None:
    since = attempt.launched_at or attempt.intent_at
    if attempt.running_at is None and (work.now - since).total_seconds() > context.policy.start_timeout:
        text = f"not running {context.policy.start_timeout:.0f} s after its create"
        work.event("start_timeout", text, attempt=attempt.number)
        record_outcome(work, attempt, "fail_slow")
        start_ending(work, attempt, reason=EndReason.START_TIMEOUT)
        fail_over(context, work, reason=text)
        return
    if not work.ending:
        work.move(DeploymentStatus.PROVISIONING, phase="starting")
    work.again_in(context.policy.start_poll)


def _unseen(context: Context, work: Work, attempt: Attempt, why: str, *, at_once: bool = False) -> None:
    """No trustworthy observation. Unreachable is not failed: nothing is replaced, nothing is killed."""
    since = attempt.unseen_since or work.now
    work.change_attempt(attempt, unseen_since=since, detail=why)
    lost = at_once or (work.now - since).total_seconds() >= context.policy.lost_after
    if lost and not work.ending:
        work.move(DeploymentStatus.LOST, phase="unreachable", reason=why)
    work.again_in(context.policy.unreachable_poll if lost else context.policy.start_poll)


async def _absent(context: Context, work: Work, attempt: Attempt, provider: Provider) -> None:
    """Absent once is a sighting, absent twice a fact, unless the market's own list says otherwise."""
    if attempt.absent_at is None:
        work.change_attempt(attempt, absent_at=work.now)
        work.again_in(context.policy.absent_twice_s)
        return
    if (work.now - attempt.absent_at).total_seconds() < context.policy.absent_twice_s:
        work.again_in(context.policy.absent_twice_s)
        return
    if await _still_listed(context, work, attempt, provider):
        return
    attempt = bill(work, attempt, provider.billing, billing=False)
    had_run = attempt.running_at is not None
    text = f"{attempt.external_id} is no longer known to {attempt.provider}; we did not end it"
    work.event("vanished", text, attempt=attempt.number)
    end_attempt(work, attempt, reason=EndReason.VANISHED, outcome="interrupted" if had_run else "fail_slow")
    if had_run:
        give_up(work, EndReason.VANISHED, text)
    else:
        fail_over(context, work, reason=text)


async def _still_listed(context: Context, work: Work, attempt: Attempt, provider: Provider) -> bool:
    """Two wrong answers must not end a deployment that runs: status and list have to agree that it is gone."""
    if not provider.capabilities.list_own:
        return False
    try:
        found = await context.sightings.find_named(provider, attempt.name)
    except ProviderError as exc:
        work.now = context.clock.now()
        _unseen(context, work, attempt, f"gone by its status, and the list cannot be read: {exc.code}")
        return True
    work.now = context.clock.now()
    if found is None:
        return False
    work.change_attempt(attempt, absent_at=None)
    _unseen(context, work, attempt, f"{attempt.provider} lists it, but says that it is gone", at_once=True)
    return True


def _exited(work: Work, attempt: Attempt) -> None:
    work.event("exited", "the container ended by itself", attempt=attempt.number)
    if attempt.running_at is None:
        record_outcome(work, attempt, "ok")
    start_ending(work, attempt, reason=EndReason.COMPLETED)
    work.change(end_reason=EndReason.COMPLETED.value)


def _failed(context: Context, work: Work, attempt: Attempt, seen: Instance) -> None:
    text = f"did not start at {attempt.provider}: {seen.message or seen.raw_state}"
    work.event("start_failed", text, attempt=attempt.number)
    record_outcome(work, attempt, "fail_slow")
    start_ending(work, attempt, reason=EndReason.START_FAILED)
    fail_over(context, work, reason=text)


def _stopped(context: Context, work: Work, attempt: Attempt, seen: Instance) -> None:
    """The market halted it (outbid, host gone, no credit): it still costs disk, so it is destroyed."""
    text = f"stopped by {attempt.provider}: {seen.message or seen.raw_state}"
    work.event("interrupted", text, attempt=attempt.number)
    record_outcome(work, attempt, "interrupted")
    start_ending(work, attempt, reason=EndReason.INTERRUPTED)
    if work.deployment.request["on_interruption"] == "replace":
        fail_over(context, work, reason=text)
    else:
        give_up(work, EndReason.INTERRUPTED, text)


def _limits(work: Work, attempt: Attempt) -> None:
    """Time and money end a deployment even while it is lost."""
    deployment = work.deployment
    attempt = work.attempts[attempt.number]
    if work.ending or attempt.state in {AttemptState.ENDING, AttemptState.ENDED}:
        return
    seconds = running_seconds(work)
    work.change(running_s=seconds)
    left = deployment.allowed_s - seconds
    if seconds > 0 and left <= 0:
        work.event("duration_reached", f"ran for {seconds:.0f} s of {deployment.allowed_s:.0f} s asked for")
        work.change(end_reason=EndReason.DURATION_REACHED.value)
        start_ending(work, attempt, reason=EndReason.DURATION_REACHED)
    elif work.deployment.cost_usd >= deployment.max_total_cost:
        work.event(
            "budget_reached",
            f"cost ${usd_text(work.deployment.cost_usd)} of at most ${usd_text(deployment.max_total_cost)}",
        )
        work.change(end_reason=EndReason.BUDGET_REACHED.value)
        start_ending(work, attempt, reason=EndReason.BUDGET_REACHED)
    elif seconds > 0:
        _warn(work, left)
        work.again_in(max(left, 0.05))


def _warn(work: Work, left_s: float) -> None:
    """Ten minutes before the end, once; at the start when less was asked for."""
    ten_minutes = 600.0
    if left_s <= ten_minutes and work.deployment.warned_at is None:
        work.change(warned_at=work.now)
        work.event("ending_soon", f"ends in {left_s:.0f} s; POST /deployments/{{id}}/extend adds GPU-hours")
    elif left_s > ten_minutes:
        work.again_in(left_s - ten_minutes)
