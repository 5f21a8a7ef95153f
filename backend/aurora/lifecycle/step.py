"""One pass over one deployment: every open attempt gets its step, then the deployment follows from them."""

from aurora.domain.deployment import AttemptState, DeploymentStatus, EndReason
from aurora.domain.records import Attempt
from aurora.lifecycle.context import Context
from aurora.lifecycle.meter import running_seconds
from aurora.lifecycle.steps.close import start_ending
from aurora.lifecycle.steps.launch import launch
from aurora.lifecycle.steps.settle import settle
from aurora.lifecycle.steps.terminate import terminate
from aurora.lifecycle.steps.watch import watch
from aurora.lifecycle.work import Work

_FAILURES = {
    EndReason.VANISHED,
    EndReason.NO_CANDIDATES,
    EndReason.ATTEMPTS_EXHAUSTED,
    EndReason.INTERRUPTED,
}


async def step(context: Context, work: Work) -> None:
    """Move `work` as far as one look at the world allows; what must be written is gathered in it."""
    _apply_commands(work)
    for attempt in work.open_attempts:
        await _step_attempt(context, work, work.attempts[attempt.number])
    _conclude(work)


def _apply_commands(work: Work) -> None:
    """A DELETE ends everything that is open, whatever else is going on."""
    if work.deployment.status.ended:
        # Only a sighting of a closed attempt's instance brings a deployment back here.
        return
    if work.deployment.wanted == "terminated" and work.deployment.end_reason is None:
        work.change(end_reason=EndReason.USER.value)
    if work.ending:
        for attempt in work.open_attempts:
            start_ending(work, attempt, reason=work.deployment.end_reason or EndReason.USER)
        if work.open_attempts and work.deployment.status is not DeploymentStatus.TERMINATING:
            work.move(DeploymentStatus.TERMINATING, phase="destroying", reason=_why(work))


def _why(work: Work) -> str:
    return work.deployment.reason or work.deployment.end_reason or EndReason.USER.value


async def _step_attempt(context: Context, work: Work, attempt: Attempt) -> None:
    if attempt.state is AttemptState.INTENT:
        await launch(context, work, attempt)
    elif attempt.state in {AttemptState.SENT, AttemptState.UNKNOWN}:
        await settle(context, work, attempt)
    elif attempt.state is AttemptState.ENDING:
        await terminate(context, work, attempt)
    elif attempt.state in {AttemptState.CREATED, AttemptState.RUNNING}:
        await watch(context, work, attempt)


def _conclude(work: Work) -> None:
    """The deployment's state when nothing, or only endings, are left."""
    if work.deployment.status.ended or not work.ending:
        return
    if work.open_attempts:
        if work.deployment.status is not DeploymentStatus.TERMINATING:
            work.move(DeploymentStatus.TERMINATING, phase="destroying", reason=_why(work))
            work.again_in(0.0)
        return
    reason = work.deployment.end_reason or EndReason.USER.value
    failed = reason in {one.value for one in _FAILURES}
    if work.deployment.status is not DeploymentStatus.TERMINATING and not failed:
        work.move(DeploymentStatus.TERMINATING, phase="destroying", reason=_why(work))
    work.change(running_s=running_seconds(work))
    status = DeploymentStatus.FAILED if failed else DeploymentStatus.TERMINATED
    work.move(status, phase=status.value, reason=_why(work))
