"""The next candidate after a refusal, a failed start or an interruption; or the end of the deployment."""

from aurora.domain.deployment import DeploymentStatus, EndReason
from aurora.lifecycle.context import Context
from aurora.lifecycle.work import Work


def has_alternative(context: Context, work: Work, provider: str) -> bool:
    """Would another provider take it now?"""
    ordered = [work.attempts[number] for number in sorted(work.attempts)]
    return context.candidates.choose(work.deployment, ordered, avoid_provider=provider) is not None


def fail_over(context: Context, work: Work, *, reason: str) -> None:
    """Commit the next attempt with its own decision, or fail with the reason that people will read."""
    if work.ending:
        return
    limit = int(work.deployment.request["max_attempts"])
    if len(work.attempts) >= limit:
        give_up(work, EndReason.ATTEMPTS_EXHAUSTED, f"{limit} attempts were made; the last: {reason}")
        return
    ordered = [work.attempts[number] for number in sorted(work.attempts)]
    found = context.candidates.choose(work.deployment, ordered)
    if found is None:
        give_up(work, EndReason.NO_CANDIDATES, f"No viable providers left after: {reason}")
        return
    attempt = found.attempt
    work.gathered.decisions.append(found.decision)
    work.add_attempt(attempt)
    work.gathered.holds.append(found.hold)
    work.change(provider=attempt.provider, attempt=attempt.number)
    text = f"attempt {attempt.number} on {attempt.offer_id} after: {reason}"
    work.event("fail_over", text, attempt=attempt.number)
    work.gathered.chosen[attempt.number] = reason
    work.gathered.knew[attempt.number] = found.knew
    work.move(DeploymentStatus.PROVISIONING, phase="launching", reason=reason)
    work.again_in(0.0)


def choose_again(context: Context, work: Work) -> bool:
    """Another replica took what the gathered attempts were chosen for. False: nothing had been chosen."""
    chosen = dict(work.gathered.chosen)
    for number in chosen:
        work.forget_attempt(number)
    for reason in chosen.values():
        fail_over(context, work, reason=reason)
    return bool(chosen)


def give_up(work: Work, why: EndReason, reason: str) -> None:
    """No more attempts; the deployment fails as soon as nothing is left at any market."""
    work.change(end_reason=why.value, reason=reason)
    work.event("giving_up", reason)
    work.again_in(0.0)
