"""One claimed deployment while a step works on it: all changes are gathered and written in one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from aurora.db.repositories.claims import Standing
from aurora.db.repositories.holds import Hold
from aurora.domain.deployment import TRANSITIONS, AttemptState, DeploymentStatus
from aurora.domain.records import Attempt, Deployment, DeploymentEvent, DeploymentView


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of one attempt, for reputation and learning."""

    kind: str
    attempt: int
    provider: str
    host: str | None
    decision_id: str
    ttr_s: float | None = None
    latency_ms: float | None = None
    cost_usd: Decimal | None = None


@dataclass(slots=True)
class Gathered:
    """What the next commit writes."""

    added: set[int] = field(default_factory=set)
    events: list[DeploymentEvent] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    decisions: list[Mapping[str, Any]] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    launched: list[tuple[int, datetime]] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    logs: dict[int, str] = field(default_factory=dict)
    chosen: dict[int, str] = field(default_factory=dict)
    """Why each added attempt was chosen."""
    knew: dict[int, Callable[[Hold], bool]] = field(default_factory=dict)
    """Of which holds each of those decisions knew."""


class Work:
    """The present values of a deployment and its attempts, and what has changed since the last commit."""

    def __init__(self, view: DeploymentView, *, now: datetime) -> None:
        self.loaded = view.deployment
        self.deployment = view.deployment
        self.attempts: dict[int, Attempt] = {one.number: one for one in view.attempts}
        self.written = view.deployment
        self.attempts_written = dict(self.attempts)
        self.now = now
        self.look_again: float | None = None
        self.gathered = Gathered()

    @property
    def current(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[max(self.attempts)]

    @property
    def open_attempts(self) -> tuple[Attempt, ...]:
        return tuple(one for one in self.attempts.values() if one.state is not AttemptState.ENDED)

    @property
    def ending(self) -> bool:
        """Nothing new may be started: a person, the time limit, the budget or a failure has ended it."""
        return self.deployment.wanted == "terminated" or self.deployment.end_reason is not None

    @property
    def goes_on(self) -> bool:
        """Is the next step due at once?"""
        return self.look_again == 0 and not self.deployment.status.ended

    @property
    def visible(self) -> bool:
        """Does anybody but the meter see a difference to the last commit?"""
        found, before = self.gathered, self.written
        now = self.deployment
        if found.events or found.added or now.status is not before.status or now.phase != before.phase:
            return True
        return any(
            self.attempts[number].state is not one.state for number, one in self.attempts_written.items()
        )

    def change(self, **changes: Any) -> Deployment:
        self.deployment = _changed(self.deployment, changes)
        return self.deployment

    def move(self, status: DeploymentStatus, *, phase: str, reason: str | None = None) -> None:
        """A legal move of the deployment, with its event. Staying where it is only changes the phase."""
        before = self.deployment.status
        if status is not before:
            if status not in TRANSITIONS[before]:
                msg = f"illegal move {before} -> {status} of {self.deployment.id}"
                raise RuntimeError(msg)
            self.event(status.value, reason or phase)
        self.change(status=status, phase=phase, reason=reason)
        if status.ended:
            self.change(ended_at=self.now)

    def change_attempt(self, attempt: Attempt, **changes: Any) -> Attempt:
        changed = _changed(self.attempts[attempt.number], changes)
        self.attempts[attempt.number] = changed
        return changed

    def add_attempt(self, attempt: Attempt) -> None:
        self.attempts[attempt.number] = attempt
        self.gathered.added.add(attempt.number)

    def forget_attempt(self, number: int) -> None:
        """An attempt that was added and cannot be committed; its decision, hold and event go with it."""
        del self.attempts[number]
        found = self.gathered
        found.added.discard(number)
        found.chosen.pop(number, None)
        found.knew.pop(number, None)
        found.decisions = [one for one in found.decisions if one["attempt"] != number]
        found.holds = [one for one in found.holds if one.attempt != number]
        found.events = [one for one in found.events if one.kind != "fail_over" or one.attempt != number]

    def event(self, kind: str, message: str, *, attempt: int | None = None, **data: Any) -> None:
        self.gathered.events.append(
            DeploymentEvent(self.deployment.id, self.now, kind, message, attempt, data)
        )

    def again_in(self, seconds: float) -> None:
        """Look again after at most `seconds`."""
        self.look_again = seconds if self.look_again is None else min(self.look_again, seconds)

    def committed(self) -> None:
        """What was gathered has been written."""
        self.gathered = Gathered()
        self.written = self.deployment
        self.attempts_written = dict(self.attempts)

    def go_on(self, found: Standing) -> None:
        """Under the same claim, after a commit: as if it had been claimed and read anew."""
        commands = {
            "wanted": found.wanted,
            "allowed_s": found.allowed_s,
            "max_total_cost": found.max_total_cost,
        }
        if found.extended(self.loaded):
            commands["warned_at"] = found.warned_at
        self.loaded = self.deployment = self.written = _changed(self.deployment, commands)
        self.look_again = None


Record = TypeVar("Record", Attempt, Deployment)


def _changed(record: Record, changes: Mapping[str, Any]) -> Record:
    """The same one when nothing is new: most looks see what the one before them saw."""
    if all(getattr(record, name) == value for name, value in changes.items()):
        return record
    return replace(record, **changes)
