"""Intent -> sent -> created, or refused, or unknown. The only place that creates anything."""

from aurora.domain.deployment import AttemptState, DeploymentStatus, EndReason
from aurora.domain.errors import (
    CircuitBreakerOpen,
    DeadlineExceeded,
    NotSupported,
    ProviderError,
    RateLimited,
    RateLimitExceeded,
)
from aurora.domain.instance import Created, LaunchSpec, Quote
from aurora.domain.money import usd_text
from aurora.domain.offer import PriceKind
from aurora.domain.records import Attempt
from aurora.lifecycle.context import Context
from aurora.lifecycle.spec import launch_spec
from aurora.lifecycle.steps.close import end_attempt
from aurora.lifecycle.steps.fail_over import fail_over, has_alternative
from aurora.lifecycle.work import Work
from aurora.providers.base import Provider

_LATER = (RateLimitExceeded, RateLimited)


async def launch(context: Context, work: Work, attempt: Attempt) -> None:
    """Read the price again, commit that a create is about to be sent, send it once."""
    provider = context.providers.get(attempt.provider)
    if work.deployment.status is DeploymentStatus.PENDING:
        work.move(DeploymentStatus.PROVISIONING, phase="launching")
    try:
        quote = await _requote(provider, work, attempt)
    except ProviderError as exc:
        _not_launched(context, work, attempt, exc)
        return
    if quote is not None:
        attempt = work.change_attempt(attempt, quoted_usd_per_hour=quote.usd_per_hour)
        if quote.usd_per_hour > attempt.ceiling_usd_per_hour:
            _too_dear(context, work, attempt, quote)
            return
    spec = launch_spec(context, work, attempt)
    attempt = work.change_attempt(attempt, state=AttemptState.SENT, sent_at=context.clock.now())
    work.change(phase="creating")
    await context.keep(work)
    await _create(context, work, attempt, spec)


async def _create(context: Context, work: Work, attempt: Attempt, spec: LaunchSpec) -> None:
    try:
        created = await context.providers.get(attempt.provider).create(spec)
    except ProviderError as exc:
        work.now = context.clock.now()
        if exc.outcome_known:
            attempt = work.change_attempt(attempt, state=AttemptState.INTENT, sent_at=None)
            _not_launched(context, work, attempt, exc)
        else:
            _unknown(work, attempt, exc)
        return
    work.now = context.clock.now()
    launched(work, attempt, created)


def launched(work: Work, attempt: Attempt, created: Created) -> Attempt:
    """The market has it: from now on it is watched, and ended if it must be."""
    attempt = work.change_attempt(
        attempt,
        state=AttemptState.CREATED,
        external_id=created.external_id,
        charged_usd_per_hour=created.usd_per_hour,
        launched_at=work.now,
        unseen_since=None,
        detail=None,
    )
    work.gathered.launched.append((attempt.number, work.now))
    work.change(phase="starting")
    text = f"created at {attempt.provider} as {created.external_id}"
    work.event("created", text, attempt=attempt.number, external_id=created.external_id)
    work.again_in(0.0)
    return attempt


def _unknown(work: Work, attempt: Attempt, exc: ProviderError) -> None:
    work.change_attempt(attempt, state=AttemptState.UNKNOWN, detail=str(exc))
    work.change(phase="settling")
    work.event(
        "create_unknown",
        f"no trustworthy answer to the create ({exc.code}); looking for {attempt.name} at {attempt.provider}",
        attempt=attempt.number,
    )
    work.again_in(1.0)


async def _requote(provider: Provider, work: Work, attempt: Attempt) -> Quote | None:
    """The present price, where the market can be asked; None where it cannot."""
    if not provider.capabilities.requote:
        return None
    disk = float(work.deployment.request["workload"]["disk_gb"])
    try:
        return await provider.quote(attempt.offer_external_id, gpu_count=attempt.gpu_count, disk_gb=disk)
    except NotSupported:
        return None


def _not_launched(context: Context, work: Work, attempt: Attempt, exc: ProviderError) -> None:
    """Nothing exists at the market: try later, elsewhere, or give the attempt up."""
    waited = (work.now - attempt.intent_at).total_seconds()
    patient = waited < context.policy.launch_patience
    if isinstance(exc, _LATER) and patient and (exc.retry_after or 1.0) <= context.policy.launch_patience:
        work.change(phase="waiting")
        work.change_attempt(attempt, detail=str(exc))
        work.again_in(max(exc.retry_after or 1.0, 0.1))
        return
    if _unwell(exc) and patient and not has_alternative(context, work, attempt.provider):
        work.change(phase="waiting")
        work.change_attempt(attempt, detail=str(exc))
        work.again_in(min(max(exc.retry_after or 3.0, 0.1), 15.0))
        return
    work.event("refused", f"{attempt.provider} refused: {exc.detail or exc.code}", attempt=attempt.number)
    end_attempt(work, attempt, reason=exc.code, outcome=_outcome(exc), hold_s=context.policy.refusal_hold)
    fail_over(context, work, reason=f"{attempt.provider}: {exc.detail or exc.code}")


def _unwell(exc: ProviderError) -> bool:
    """The provider, not the offer, is the trouble: another offer of the same provider would fare no better."""
    return exc.counts_against_provider or isinstance(exc, CircuitBreakerOpen | DeadlineExceeded)


def _outcome(exc: ProviderError) -> str:
    return "nocap" if exc.code in {"offer_gone", "no_capacity"} else "fail_fast"


def _too_dear(context: Context, work: Work, attempt: Attempt, quote: Quote) -> None:
    kind = PriceKind.FIRM if quote.firm else PriceKind.ESTIMATE
    text = f"the price is now ${usd_text(quote.usd_per_hour)}/h ({kind}), over the ceiling of ${usd_text(attempt.ceiling_usd_per_hour)}/h"
    work.event("price_above_ceiling", text, attempt=attempt.number)
    end_attempt(work, attempt, reason=EndReason.PRICE_ABOVE_CEILING, outcome="nocap", hold_s=0.0)
    fail_over(context, work, reason=text)
