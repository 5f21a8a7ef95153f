"""How the provider did lately: the last outcomes, not older than a quarter of an hour."""

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime

from aurora.domain.clock import Clock
from aurora.resilience.verdict import Verdict

MAX_OUTCOMES = 100
MAX_AGE_S = 900.0
MAX_DETAIL = 200
"""Characters of a detail that are kept."""


@dataclass(frozen=True, slots=True)
class LastError:
    code: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WindowView:
    """All figures are of the window; None means that there is no data, never that all is well."""

    samples: int = 0
    """Outcomes that speak about the provider (neutral ones are not among them)."""
    success_rate: float | None = None
    avg_response_time: float | None = None
    """Milliseconds, as p50 and p95, of attempts that got an answer."""
    p50: float | None = None
    p95: float | None = None
    errors: dict[str, int] = field(default_factory=dict)
    """By code, neutral ones included."""
    last_error: LastError | None = None
    """Of this process's lifetime."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    at: float
    ok: bool
    ms: float | None
    code: str | None


class Window:
    """Outcomes and errors; neutral errors are kept apart so that they cannot push out what counts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outcomes: deque[_Outcome] = deque(maxlen=MAX_OUTCOMES)
        self._neutral: deque[_Outcome] = deque(maxlen=MAX_OUTCOMES)
        self._last_error: LastError | None = None

    def record(
        self, verdict: Verdict, *, ms: float | None, code: str | None = None, detail: str = ""
    ) -> None:
        """`ms` is None when no answer came; `code` is None when there was no error."""
        outcome = _Outcome(self._clock.monotonic(), verdict is Verdict.OK, ms, code)
        (self._neutral if verdict is Verdict.NEUTRAL else self._outcomes).append(outcome)
        if code is not None:
            self._last_error = LastError(code, detail[:MAX_DETAIL], self._clock.now())

    def success_rate(self) -> tuple[float | None, int]:
        """The share of good outcomes and how many there are."""
        self._forget_old()
        samples = len(self._outcomes)
        if not samples:
            return None, 0
        return sum(outcome.ok for outcome in self._outcomes) / samples, samples

    def view(self) -> WindowView:
        rate, samples = self.success_rate()
        times = sorted(outcome.ms for outcome in self._outcomes if outcome.ms is not None)
        errors = Counter(
            outcome.code for outcome in (*self._outcomes, *self._neutral) if outcome.code is not None
        )
        return WindowView(
            samples=samples,
            success_rate=rate,
            avg_response_time=sum(times) / len(times) if times else None,
            p50=_quantile(times, 0.50),
            p95=_quantile(times, 0.95),
            errors=dict(errors),
            last_error=self._last_error,
        )

    def _forget_old(self) -> None:
        oldest = self._clock.monotonic() - MAX_AGE_S
        for kept in (self._outcomes, self._neutral):
            while kept and kept[0].at < oldest:
                kept.popleft()


def _quantile(ordered: list[float], share: float) -> float | None:
    """Nearest rank: a value that really occurred."""
    if not ordered:
        return None
    return ordered[math.ceil(share * len(ordered)) - 1]
