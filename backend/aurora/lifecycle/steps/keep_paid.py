"""Running time that is paid in advance is extended before it ends, and never beyond what was asked for."""

from aurora.domain.errors import ProviderError
from aurora.domain.instance import Instance
from aurora.domain.records import Attempt
from aurora.lifecycle.context import Context
from aurora.lifecycle.meter import running_seconds
from aurora.lifecycle.work import Work
from aurora.providers.base import Provider, SupportsPrepay

_TO_END_S = 30.0
"""Ending takes a moment, which must be paid too."""


async def keep_paid(
    context: Context, work: Work, attempt: Attempt, seen: Instance, provider: Provider
) -> None:
    """Extend when less than `paid_margin` is left and the deployment may run longer than that."""
    if seen.paid_until is None or not isinstance(provider, SupportsPrepay) or work.ending:
        return
    paid_s = (seen.paid_until - work.now).total_seconds()
    wanted_s = work.deployment.allowed_s - running_seconds(work) + _TO_END_S
    short_s = min(wanted_s, context.policy.paid_margin) - paid_s
    if short_s <= 0:
        work.again_in(max(1.0, paid_s - context.policy.paid_margin) if wanted_s > paid_s else 60.0)
        return
    seconds = min(wanted_s - paid_s, context.policy.paid_chunk)
    try:
        await provider.extend(attempt.external_id or "", seconds=seconds)
    except ProviderError as exc:
        work.now = context.clock.now()
        text = f"could not pay {attempt.provider} for {seconds:.0f} s more: {exc.detail or exc.code}"
        work.event("extend_failed", text, attempt=attempt.number)
        work.again_in(max(exc.retry_after or 0.0, 10.0))
        return
    work.now = context.clock.now()
    work.event("paid", f"paid {attempt.provider} for {seconds:.0f} s more", attempt=attempt.number)
