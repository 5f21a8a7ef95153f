"""What a tenant wants to be running, and each try at it."""

from collections.abc import Mapping
from enum import StrEnum


class DeploymentStatus(StrEnum):
    PENDING = "pending"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    LOST = "lost"
    """No trustworthy observation: our own guesses stop; DELETE, time limit and budget stop go on."""
    TERMINATING = "terminating"
    TERMINATED = "terminated"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in {DeploymentStatus.TERMINATED, DeploymentStatus.FAILED}


_S = DeploymentStatus
TRANSITIONS: Mapping[DeploymentStatus, frozenset[DeploymentStatus]] = {
    _S.PENDING: frozenset({_S.PROVISIONING, _S.TERMINATING, _S.FAILED}),
    _S.PROVISIONING: frozenset({_S.RUNNING, _S.LOST, _S.TERMINATING, _S.FAILED}),
    _S.RUNNING: frozenset({_S.PROVISIONING, _S.LOST, _S.TERMINATING, _S.FAILED}),
    _S.LOST: frozenset({_S.PROVISIONING, _S.RUNNING, _S.TERMINATING, _S.FAILED}),
    _S.TERMINATING: frozenset({_S.TERMINATED, _S.FAILED}),
    _S.TERMINATED: frozenset(),
    _S.FAILED: frozenset(),
}
"""Legal moves. TERMINATING ends in FAILED when what is being cleaned up had failed."""


class AttemptState(StrEnum):
    """One try on one offer. Only INTENT may be sent; anything after SENT is settled by name, never repeated."""

    INTENT = "intent"
    """Committed, nothing sent: a restart may send it."""
    SENT = "sent"
    """The create was handed to the network: after a restart its outcome is unknown."""
    UNKNOWN = "unknown"
    """No trustworthy answer to the create: being looked for by name."""
    CREATED = "created"
    RUNNING = "running"
    ENDING = "ending"
    """Must be destroyed; retried until absent twice."""
    ENDED = "ended"
    """Confirmed absent, or certain never to have existed."""

    @property
    def may_cost(self) -> bool:
        return self not in {AttemptState.INTENT, AttemptState.ENDED}


class EndReason(StrEnum):
    """Why a deployment, or one attempt of it, ended."""

    USER = "user"
    DURATION_REACHED = "duration_reached"
    BUDGET_REACHED = "budget_reached"
    COMPLETED = "completed"
    VANISHED = "vanished"
    REFUSED = "refused"
    NOT_CREATED = "not_created"
    """An unknown create that never showed up under our name."""
    START_FAILED = "start_failed"
    START_TIMEOUT = "start_timeout"
    INTERRUPTED = "interrupted"
    PRICE_ABOVE_CEILING = "price_above_ceiling"
    NO_CANDIDATES = "no_candidates"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
