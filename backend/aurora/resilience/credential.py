"""A refused credential is asked again once a minute, not with every call."""

from dataclasses import dataclass
from datetime import datetime

from aurora.domain.clock import Clock
from aurora.domain.errors import CredentialRefused
from aurora.domain.operation import Operation
from aurora.resilience.events import CredentialChanged, Hooks

FORBIDDEN = 403
"""A valid key that lacks this one right: other operations, a terminate above all, must go on."""


@dataclass(slots=True)
class _Refusal:
    error: CredentialRefused
    since: datetime
    next_check: float


class Credential:
    """What the provider thinks of our key: 401 (or no status) stands for every operation, 403 for its own."""

    def __init__(self, provider: str, *, recheck_s: float, clock: Clock, hooks: Hooks) -> None:
        self._provider = provider
        self._recheck_s = recheck_s
        self._clock = clock
        self._hooks = hooks
        self._refusals: dict[Operation | None, _Refusal] = {}

    def peek(self, operation: Operation) -> None:
        """Raise CredentialRefused, with the time to the next check, while it is not yet time to ask again."""
        if not self._refusals:
            return
        for key in (None, operation):
            refusal = self._refusals.get(key)
            if refusal is not None:
                left = refusal.next_check - self._clock.monotonic()
                if left > 0:
                    raise _again(refusal.error, left)

    def enter(self, operation: Operation, *, force: bool = False) -> None:
        """As `peek`, and what passes is the check: the others wait for the next one. `force` always passes."""
        if not self._refusals:
            return
        if not force:
            self.peek(operation)
        for key in (None, operation):
            refusal = self._refusals.get(key)
            if refusal is not None:
                refusal.next_check = self._clock.monotonic() + self._recheck_s

    def refused(self, operation: Operation, error: CredentialRefused) -> None:
        self._refuse(operation if error.status == FORBIDDEN else None, error)

    def _refuse(self, key: Operation | None, error: CredentialRefused) -> None:
        known = self._refusals.get(key)
        since = self._clock.now() if known is None else known.since
        self._refusals[key] = _Refusal(error, since, self._clock.monotonic() + self._recheck_s)
        if known is None and self._hooks:
            self._hooks.emit(CredentialChanged(self._provider, refused=True, detail=error.detail))

    def learn(self, key: Operation | None, error: CredentialRefused, *, in_doubt: bool = False) -> None:
        """Another replica was refused with the same key: asking again would tell us the same.

        `in_doubt`: it may have been long ago, so the next call asks.
        """
        if key not in self._refusals:
            self._refuse(key, error)
            if in_doubt:
                self._refusals[key].next_check = self._clock.monotonic()

    def forget(self, key: Operation | None) -> None:
        """Another replica was served with the same key."""
        if self._refusals.pop(key, None) is not None:
            self._say_accepted()

    @property
    def refused_keys(self) -> frozenset[Operation | None]:
        """What is refused: an operation by itself, None for the key as such."""
        return frozenset(self._refusals)

    def accepted(self, operation: Operation) -> None:
        """The provider served us: the key is good, for this operation too."""
        if not self._refusals:
            return
        ended = [self._refusals.pop(key, None) for key in (None, operation)]
        if any(ended):
            self._say_accepted()

    def _say_accepted(self) -> None:
        if not self._refusals and self._hooks:
            self._hooks.emit(CredentialChanged(self._provider, refused=False, detail=""))

    @property
    def failed_at(self) -> datetime | None:
        """Since when something is refused; None while all is well."""
        return min((refusal.since for refusal in self._refusals.values()), default=None)

    @property
    def refused_operations(self) -> tuple[Operation, ...]:
        """Those refused by themselves; every one when the key as such is refused."""
        if None in self._refusals:
            return tuple(Operation)
        return tuple(key for key in self._refusals if key is not None)


def _again(error: CredentialRefused, left: float) -> CredentialRefused:
    return CredentialRefused(error.provider, error.detail, status=error.status, retry_after=left)
