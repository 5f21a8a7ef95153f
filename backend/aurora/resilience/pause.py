"""Times of silence that the provider asked for.

Two kinds, kept apart for each endpoint class: header-driven ones (Retry-After), which are ours to cap and to
clear, and dated ones (a quota that returns at a known time), which nothing of ours may shorten.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora.domain.clock import Clock
from aurora.resilience.events import Hooks, PauseEnded, PauseSet

MAX_HEADER_PAUSE_S = 900.0
"""A header may silence us for a quarter of an hour; then one call finds out whether it still holds."""


@dataclass(frozen=True, slots=True)
class Pause:
    endpoint: str | None
    """None: the whole provider."""
    until: datetime
    """Aware UTC."""
    reason: str
    dated: bool


class Pauses:
    """The pauses of one provider. Falsy while there are none."""

    def __init__(self, provider: str, *, clock: Clock, hooks: Hooks) -> None:
        self._provider = provider
        self._clock = clock
        self._hooks = hooks
        self._held: dict[tuple[str | None, bool], tuple[Pause, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def pause(self, seconds: float, *, reason: str, endpoint: str | None = None) -> None:
        """Header-driven; capped at 15 minutes."""
        seconds = min(seconds, MAX_HEADER_PAUSE_S)
        if seconds > 0:
            self._hold(endpoint, self._clock.now() + timedelta(seconds=seconds), reason, dated=False)

    def pause_until(self, until: datetime, *, reason: str, endpoint: str | None = None) -> None:
        """Dated by the provider; not capped. Raises ValueError for a naive time."""
        if until.tzinfo is None:
            raise ValueError("until must be an aware time")
        if until > self._clock.now():
            self._hold(endpoint, until, reason, dated=True)

    def restore(self, pauses: Iterable[Pause]) -> None:
        """What a former process had been told; what has passed meanwhile is dropped."""
        for pause in pauses:
            if pause.dated:
                self.pause_until(pause.until, reason=pause.reason, endpoint=pause.endpoint)
            else:
                left = (pause.until - self._clock.now()).total_seconds()
                self.pause(left, reason=pause.reason, endpoint=pause.endpoint)

    def clear_undated(self) -> None:
        """A person says that the provider is well again; its own dates stand."""
        for key in [key for key in self._held if not key[1]]:
            self._end(key)

    def end_undated(self, endpoint: str | None) -> None:
        """Another replica was told that the provider is well again."""
        if (endpoint, False) in self._held:
            self._end((endpoint, False))

    def remaining(self, endpoint: str) -> float:
        """Seconds of silence left for calls of `endpoint`."""
        return max((left for left, _ in self._on(endpoint)), default=0.0)

    def longest(self, endpoint: str) -> Pause | None:
        """The pause that ends last for calls of `endpoint`."""
        return max(self._on(endpoint), key=lambda held: held[0], default=(0.0, None))[1]

    def active(self) -> tuple[Pause, ...]:
        self._forget_past()
        return tuple(pause for pause, _ in self._held.values())

    def _on(self, endpoint: str) -> list[tuple[float, Pause]]:
        self._forget_past()
        return [
            (self._left(pause, ends), pause)
            for pause, ends in self._held.values()
            if pause.endpoint is None or pause.endpoint == endpoint
        ]

    def _hold(self, endpoint: str | None, until: datetime, reason: str, *, dated: bool) -> None:
        held = self._held.get((endpoint, dated))
        if held is not None and held[0].until >= until:
            return
        seconds = (until - self._clock.now()).total_seconds()
        pause = Pause(endpoint, until, reason, dated)
        self._held[endpoint, dated] = (pause, self._clock.monotonic() + seconds)
        if self._hooks:
            self._hooks.emit(PauseSet(self._provider, endpoint, until, reason, dated))

    def _left(self, pause: Pause, ends: float) -> float:
        """A date is compared with the wall clock, a number of seconds with the monotonic one."""
        if pause.dated:
            return (pause.until - self._clock.now()).total_seconds()
        return ends - self._clock.monotonic()

    def _forget_past(self) -> None:
        for key in [key for key, held in self._held.items() if self._left(*held) <= 0]:
            self._end(key)

    def _end(self, key: tuple[str | None, bool]) -> None:
        del self._held[key]
        if self._hooks:
            self._hooks.emit(PauseEnded(self._provider, key[0], dated=key[1]))
