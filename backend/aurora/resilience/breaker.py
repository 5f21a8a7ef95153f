"""The circuit breaker of one provider and one operation class.

pybreaker keeps the state and the counts; it never wraps an await (measured: on coroutines it never opens, its
context manager turns a cancellation into its own error, half-open admits everybody). So: `admit` before the call,
`record` after it, both without an await, hence atomic in one event loop.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

import pybreaker

from aurora.domain.clock import Clock
from aurora.domain.errors import CircuitBreakerOpen
from aurora.domain.health import BreakerState
from aurora.domain.operation import OperationClass
from aurora.resilience.events import BreakerChanged, Hooks
from aurora.resilience.policy import BreakerPolicy
from aurora.resilience.shared import SharedState
from aurora.resilience.verdict import Verdict

STATES: dict[str, BreakerState] = {
    pybreaker.STATE_CLOSED: BreakerState.CLOSED,
    pybreaker.STATE_HALF_OPEN: BreakerState.HALF_OPEN,
    pybreaker.STATE_OPEN: BreakerState.OPEN,
}
_MOVES: dict[BreakerState, Callable[[pybreaker.CircuitBreaker], object]] = {
    BreakerState.CLOSED: pybreaker.CircuitBreaker.close,
    BreakerState.HALF_OPEN: pybreaker.CircuitBreaker.half_open,
    BreakerState.OPEN: pybreaker.CircuitBreaker.open,
}
PROBES_BUSY_S = 1.0
"""What is told to a call that comes while all probes are under way."""


@dataclass(frozen=True, slots=True)
class BreakerView:
    state: BreakerState
    """HALF_OPEN already when the time has passed and nobody has asked yet."""
    failure_count: int
    """Consecutive counted failures now."""
    success_count: int
    """Of this process's lifetime."""
    last_failure_time: datetime | None
    trip_count: int
    """Transitions into OPEN."""
    opened_at: datetime | None
    """The last trip, while not closed."""
    open_since: datetime | None
    """The first trip since it was last closed: how long the trouble lasts."""
    next_attempt_in: float | None
    """Seconds to the next probe while open, 0 when half-open, None when closed."""


def _next_attempt(state: BreakerState, left: float) -> float | None:
    """A forced probe half-opens before the time is over: then the next one may go at once."""
    if state is BreakerState.CLOSED:
        return None
    return left if state is BreakerState.OPEN else 0.0


class _CountedFailureError(Exception):
    """Stands in for the real error, whose traceback pybreaker would lengthen."""


class _Changes(pybreaker.CircuitBreakerListener):
    """Tells the breaker what pybreaker did, including `open->open`, which is not a change."""

    def __init__(self, breaker: "Breaker") -> None:
        self._breaker = breaker

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,  # noqa: ARG002 - pybreaker's signature
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        if old_state is not None and old_state.name != new_state.name:
            self._breaker.changed(STATES[old_state.name], STATES[new_state.name])


class Breaker:
    """Closed, open, half-open with counted probes; answers from before a change of state are ignored."""

    def __init__(
        self,
        provider: str,
        operation_class: OperationClass,
        policy: BreakerPolicy,
        *,
        clock: Clock,
        rng: random.Random,
        hooks: Hooks,
    ) -> None:
        self._provider = provider
        self._class = operation_class
        self._policy = policy
        self._clock = clock
        self._rng = rng
        self._hooks = hooks
        self._generation = 0
        self._probes = 0  # under way in half-open
        self._trips_in_a_row = 0
        self._trip_count = 0
        self._success_count = 0
        self._reopen_at = 0.0  # monotonic: pybreaker's own clock is the wall clock and cannot be injected
        self._last_failure_time: datetime | None = None
        self._opened_at: datetime | None = None
        self._open_since: datetime | None = None
        self._busy_until = 0.0  # probes of other replicas take all the room until then
        self._adopting: SharedState | None = None
        self._counts = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
        self._circuit = pybreaker.CircuitBreaker(
            fail_max=policy.threshold,
            reset_timeout=policy.open_s,
            success_threshold=policy.half_open_max,
            name=f"{provider}/{operation_class}",
            listeners=[_Changes(self)],
            state_storage=self._counts,
            throw_new_error_on_trip=False,
        )

    def peek(self) -> None:
        """Raise CircuitBreakerOpen if a call would be refused now; takes no permit."""
        state = self._circuit.current_state
        if state == pybreaker.STATE_CLOSED:
            return
        if state == pybreaker.STATE_OPEN:
            left = self._reopen_at - self._clock.monotonic()
            if left > 0:
                self._refuse(left)
        elif self._full():
            self._refuse(PROBES_BUSY_S)

    def _full(self) -> bool:
        """In half-open: is there no room for another probe, here or at all replicas together?"""
        known = self._probes + self._circuit.success_counter
        return known >= self._policy.half_open_max or self._busy_until > self._clock.monotonic()

    @property
    def generation(self) -> int:
        """Higher with every change of state."""
        return self._generation

    @property
    def closed(self) -> bool:
        """False: a call is a probe."""
        return self._circuit.current_state == pybreaker.STATE_CLOSED

    @property
    def troubled(self) -> bool:
        """Does a success change anything?"""
        return self._circuit.fail_counter > 0 or not self.closed

    def admit(self, *, force: bool = False, granted: bool = False) -> int:
        """Take leave to call; give the returned generation back to `record`, whatever happens.

        `force` turns open into half-open before its time; it does not add probes. `granted`: a probe for which all
        replicas together have room. Raises CircuitBreakerOpen.
        """
        circuit = self._circuit
        if circuit.current_state == pybreaker.STATE_CLOSED:
            return self._generation
        if granted and circuit.current_state == pybreaker.STATE_HALF_OPEN:
            self._probes += 1
            return self._generation
        if not (force and circuit.current_state == pybreaker.STATE_OPEN):
            self.peek()
        if circuit.current_state == pybreaker.STATE_OPEN:
            circuit.half_open()
        self._probes += 1
        return self._generation

    def record(self, generation: int, verdict: Verdict) -> None:
        """The outcome of a call admitted under `generation`; of an older one it is dropped."""
        if generation != self._generation:
            return
        if self._circuit.current_state == pybreaker.STATE_HALF_OPEN:
            self._probes -= 1
        self._saw(verdict)
        self._move(verdict)

    def note(self, generation: int, verdict: Verdict) -> None:
        """As `record` where the state is shared: only what this process has seen; the state itself comes by `adopt`."""
        if generation == self._generation and self._probes > 0:
            self._probes -= 1
        self._saw(verdict)

    def judge_alone(self, generation: int, verdict: Verdict) -> None:
        """After `note`: those who share the state cannot be reached, so it moves by our own counts."""
        if generation == self._generation:
            self._move(verdict)

    def adopt(self, shared: SharedState) -> None:
        """Be as all replicas are. What is older than our own state is ignored."""
        if shared.generation < self._generation:
            return
        if shared.generation > self._generation:
            self._probes = 0
        self._busy_until = 0.0
        self._adopting = shared
        try:
            if STATES[self._circuit.current_state] is not shared.state:
                _MOVES[shared.state](self._circuit)
        finally:
            self._adopting = None
        self._generation = shared.generation
        self._trip_count = max(self._trip_count, shared.trips)
        self._trips_in_a_row = shared.trips_in_a_row
        self._reopen_at = self._clock.monotonic() + shared.open_left_s
        if shared.state is not BreakerState.CLOSED:
            self._open_since = shared.open_since or self._open_since
        self._count(failures=shared.failures, successes=shared.successes)

    def busy(self) -> None:
        """The probes of other replicas take all the room."""
        self._busy_until = self._clock.monotonic() + PROBES_BUSY_S

    def to_share(self) -> SharedState:
        """Our own state, for those who were not there when it came about."""
        return SharedState(
            state=STATES[self._circuit.current_state],
            generation=self._generation,
            failures=self._circuit.fail_counter,
            successes=self._circuit.success_counter,
            trips=self._trip_count,
            trips_in_a_row=self._trips_in_a_row,
            open_left_s=max(0.0, self._reopen_at - self._clock.monotonic()),
            open_since=self._open_since,
        )

    def reset(self) -> None:
        """Close by hand: the failures, the doubling and every call under way are forgotten.

        What the process has seen in its life (successes, trips, the last failure) is history and stays.
        """
        self._circuit.close()
        self._busy_until = 0.0
        self._generation += 1  # also when it was closed already: what is under way counts no more

    def view(self) -> BreakerView:
        state = STATES[self._circuit.current_state]
        left = max(0.0, self._reopen_at - self._clock.monotonic())
        if state is BreakerState.OPEN and left == 0:
            state = BreakerState.HALF_OPEN
        return BreakerView(
            state=state,
            failure_count=self._circuit.fail_counter,
            success_count=self._success_count,
            last_failure_time=self._last_failure_time,
            trip_count=self._trip_count,
            opened_at=self._opened_at,
            open_since=self._open_since,
            next_attempt_in=_next_attempt(state, left),
        )

    def changed(self, old: BreakerState, new: BreakerState) -> None:
        """The circuit moved from `old` to `new`: whatever was admitted before counts no more."""
        self._generation += 1
        self._probes = 0
        retry_after: float | None = None
        if new is BreakerState.OPEN:
            retry_after = self._trip()
        elif new is BreakerState.CLOSED:
            self._trips_in_a_row = 0
            self._opened_at = self._open_since = None
        if self._hooks:
            self._hooks.emit(BreakerChanged(self._provider, self._class, old, new, retry_after))

    def _saw(self, verdict: Verdict) -> None:
        if verdict is Verdict.OK:
            self._success_count += 1
        elif verdict is Verdict.FAIL:
            self._last_failure_time = self._clock.now()

    def _move(self, verdict: Verdict) -> None:
        if verdict is Verdict.OK:
            self._circuit.call(_succeed)
        elif verdict is Verdict.FAIL:
            with suppress(_CountedFailureError):
                self._circuit.call(_fail)

    def _count(self, *, failures: int, successes: int) -> None:
        counts = self._counts
        counts.reset_counter()
        counts.reset_success_counter()
        for _ in range(failures):
            counts.increment_counter()
        for _ in range(successes):
            counts.increment_success_counter()

    def _trip(self) -> float:
        if self._adopting is not None:
            self._opened_at = self._clock.now()
            self._open_since = self._open_since or self._opened_at
            return self._adopting.open_left_s
        self._trip_count += 1
        self._trips_in_a_row += 1
        self._opened_at = self._clock.now()
        self._open_since = self._open_since or self._opened_at
        seconds = self._open_seconds()
        self._reopen_at = self._clock.monotonic() + seconds
        return seconds

    def _open_seconds(self) -> float:
        """Exactly `open_s` at first; then doubled, lengthened by chance and capped."""
        policy = self._policy
        if self._trips_in_a_row == 1:
            return policy.open_s
        doublings = min(self._trips_in_a_row - 1, 32)  # beyond this the cap rules anyway; avoids overflow
        seconds = policy.open_s * 2**doublings * (1 + policy.jitter * self._rng.random())
        return float(min(seconds, policy.longest_open_s))

    def _refuse(self, retry_after: float) -> NoReturn:
        raise CircuitBreakerOpen(
            self._provider,
            f"circuit for {self._class} calls is open, next attempt in {retry_after:.0f} s",
            retry_after=retry_after,
        )


def _succeed() -> None:
    return None


def _fail() -> NoReturn:
    raise _CountedFailureError


def worst(views: list[BreakerView]) -> BreakerView:
    """One figure for a provider: the worst state, the sums of the counts, the latest failure."""
    order = (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN)
    chosen = max(views, key=lambda view: (order.index(view.state), view.next_attempt_in or 0.0))
    failures = [view.last_failure_time for view in views if view.last_failure_time is not None]
    since = [view.open_since for view in views if view.open_since is not None]
    return BreakerView(
        state=chosen.state,
        failure_count=max(view.failure_count for view in views),
        success_count=sum(view.success_count for view in views),
        last_failure_time=max(failures, default=None),
        trip_count=sum(view.trip_count for view in views),
        opened_at=chosen.opened_at,
        open_since=min(since, default=None),
        next_attempt_in=chosen.next_attempt_in,
    )
