"""How an attempt is marked for its end, and how it is closed for good."""

from datetime import timedelta

from aurora.db.repositories.holds import Hold
from aurora.domain.deployment import AttemptState
from aurora.domain.records import Attempt
from aurora.lifecycle.work import Outcome, Work


def end_attempt(
    work: Work, attempt: Attempt, *, reason: str, outcome: str | None = None, hold_s: float = 0.0
) -> Attempt:
    """Nothing exists (any more) at the market: close the attempt and free its capacity.

    `outcome` is recorded for reputation; with `hold_s` the offer is left alone for that long.
    """
    attempt = work.change_attempt(
        attempt,
        state=AttemptState.ENDED,
        end_reason=attempt.end_reason or str(reason),
        ended_at=work.now,
        billed_until=None,
    )
    work.gathered.released.append(attempt.number)
    if hold_s > 0:
        work.gathered.holds.append(
            Hold(
                provider=attempt.provider,
                offer_id=attempt.offer_id,
                resources=attempt.resources,
                reason="refused",
                held_at=work.now,
                expires_at=work.now + timedelta(seconds=hold_s),
            )
        )
    if outcome is not None:
        record_outcome(work, attempt, outcome)
    return attempt


def record_outcome(work: Work, attempt: Attempt, kind: str, *, ttr_s: float | None = None) -> None:
    work.gathered.outcomes.append(
        Outcome(
            kind=kind,
            attempt=attempt.number,
            provider=attempt.provider,
            host=attempt.host,
            decision_id=work.deployment.decision_id,
            ttr_s=ttr_s,
            latency_ms=attempt.latency_ms,
            cost_usd=attempt.cost_usd,
        )
    )


def start_ending(work: Work, attempt: Attempt, *, reason: str) -> Attempt:
    """The instance must go: from now on it is destroyed until it is absent twice."""
    if attempt.state in {AttemptState.ENDING, AttemptState.ENDED}:
        return attempt
    if attempt.state is AttemptState.INTENT:
        return end_attempt(work, attempt, reason=reason)
    if attempt.state in {AttemptState.SENT, AttemptState.UNKNOWN} and attempt.end_reason is not None:
        return attempt  # told before: it goes on being looked for, at that step's own pace
    work.again_in(0.0)
    if attempt.state in {AttemptState.SENT, AttemptState.UNKNOWN}:
        # Nothing to destroy yet: it is first looked for by name, the reason waits.
        return work.change_attempt(attempt, state=AttemptState.UNKNOWN, end_reason=str(reason))
    return work.change_attempt(attempt, state=AttemptState.ENDING, end_reason=str(reason), unseen_since=None)
