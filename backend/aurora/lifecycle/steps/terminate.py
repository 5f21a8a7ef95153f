"""Destroy, and go on until the provider has confirmed absence twice. Retries never end."""

from decimal import Decimal

from aurora.domain.deployment import AttemptState
from aurora.domain.errors import AuroraError, InstanceNotFound, NotSupported, ProviderError
from aurora.domain.instance import InstanceState
from aurora.domain.records import Attempt
from aurora.lifecycle.context import Context
from aurora.lifecycle.logs import last_lines
from aurora.lifecycle.meter import bill
from aurora.lifecycle.steps.close import end_attempt
from aurora.lifecycle.work import Work
from aurora.providers.base import Provider


async def terminate(context: Context, work: Work, attempt: Attempt) -> None:
    """One pass: ask for the end unless its absence is already half confirmed, then look.

    It is looked at also when the asking failed: a lost answer may have had its effect.
    """
    provider = context.providers.get(attempt.provider)
    external_id = attempt.external_id or ""
    refused = False
    if attempt.absent_at is None:
        if attempt.terminate_asked_at is None and attempt.unseen_since is None:
            # Once only: a log that cannot be had must not take the place of the destroy in every pass.
            await _archive(context, work, attempt, provider)
        refused = not await _ask(context, work, attempt, provider)
    try:
        seen = await provider.status(external_id)
    except InstanceNotFound as gone:
        work.now = context.clock.now()
        _absent(context, work, attempt, provider, charged=gone.charged_usd)
        return
    except ProviderError as exc:
        work.now = context.clock.now()
        if not refused:
            _not_confirmed(context, work, attempt, f"cannot be looked at: {exc.detail or exc.code}")
        return
    work.now = context.clock.now()
    if seen.over:
        _absent(context, work, attempt, provider, charged=seen.charged_usd)
        return
    attempt = work.change_attempt(attempt, absent_at=None, raw_state=seen.raw_state)
    stopped = seen.state in {InstanceState.STOPPED, InstanceState.EXITED, InstanceState.FAILED}
    runs = not stopped and attempt.billed_until is not None
    bill(work, attempt, provider.billing, billing=runs, charged=seen.charged_usd)
    if not refused:
        _not_confirmed(context, work, attempt, f"still {seen.raw_state or seen.state}")


async def _ask(context: Context, work: Work, attempt: Attempt, provider: Provider) -> bool:
    try:
        await provider.terminate(attempt.external_id or "")
    except ProviderError as exc:
        work.now = context.clock.now()
        bill(work, attempt, provider.billing, billing=attempt.billed_until is not None)
        _not_confirmed(
            context, work, attempt, f"refused: {exc.detail or exc.code}", retry_after=exc.retry_after
        )
        return False
    work.now = context.clock.now()
    if attempt.terminate_asked_at is None:
        work.change_attempt(attempt, terminate_asked_at=work.now)
        text = f"asked {attempt.provider} to destroy {attempt.external_id} ({attempt.end_reason})"
        work.event("terminate_asked", text, attempt=attempt.number)
    return True


def _not_confirmed(
    context: Context, work: Work, attempt: Attempt, why: str, *, retry_after: float | None = None
) -> None:
    """Not gone yet: look again, ever more slowly, for ever. The cost goes on being counted."""
    attempt = work.attempts[attempt.number]
    since = attempt.unseen_since or work.now
    if attempt.unseen_since is None or attempt.detail != why:
        work.event("terminate_unconfirmed", f"{attempt.external_id}: {why}", attempt=attempt.number)
    work.change_attempt(attempt, unseen_since=since, detail=why)
    waited = (work.now - since).total_seconds()
    backoff = min(max(context.policy.ending_poll, waited / 4), context.policy.ending_poll_max)
    work.again_in(max(backoff, min(retry_after or 0.0, context.policy.ending_poll_max)))


def _absent(
    context: Context, work: Work, attempt: Attempt, provider: Provider, *, charged: Decimal | None
) -> None:
    attempt = work.attempts[attempt.number]
    attempt = bill(work, attempt, provider.billing, billing=False, charged=charged)
    if attempt.absent_at is None:
        work.change_attempt(attempt, absent_at=work.now)
        work.again_in(context.policy.absent_twice_s)
        return
    if (work.now - attempt.absent_at).total_seconds() < context.policy.absent_twice_s:
        work.again_in(context.policy.absent_twice_s)
        return
    text = f"{attempt.provider} confirmed twice that {attempt.external_id} is gone"
    work.event("instance_gone", text, attempt=attempt.number)
    end_attempt(work, attempt, reason=attempt.end_reason or "user")
    work.again_in(0.0)


async def _archive(context: Context, work: Work, attempt: Attempt, provider: Provider) -> None:
    """The last lines survive the machine; not getting them never delays the end for long."""
    if (
        not provider.capabilities.logs
        or attempt.state is not AttemptState.ENDING
        or attempt.running_at is None
    ):
        return
    try:
        text = await last_lines(provider, attempt, clock=context.clock, policy=context.policy)
    except NotSupported:
        return
    except (AuroraError, TimeoutError) as exc:
        work.event("logs_not_archived", f"{type(exc).__name__}", attempt=attempt.number)
        return
    if text:
        work.gathered.logs[attempt.number] = text
