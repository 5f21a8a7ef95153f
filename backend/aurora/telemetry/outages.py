"""Say once that something fails and once that it works again."""

from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from aurora.domain.clock import Clock


class Log(Protocol):
    """The part of a structlog logger that is used."""

    def warning(self, event: str, **fields: Any) -> Any: ...

    def info(self, event: str, **fields: Any) -> Any: ...


@dataclass(slots=True)
class _Outage:
    since: float
    """Monotonic seconds of the first failure."""
    failures: int = 1
    error: str = ""


class Outages:
    """A line when `name` fails first, a line when it recovers, nothing in between, however often it repeats.

    A failure of another kind during the same outage is a new fact and gets its own line.
    """

    def __init__(self, clock: Clock, *, log: Log | None = None) -> None:
        self._clock = clock
        self._log: Log = log or structlog.get_logger("aurora.outages")
        self._open: dict[str, _Outage] = {}

    def failed(self, name: str, error: BaseException | str, **fields: Any) -> None:
        """`name` did not work just now."""
        kind = error if isinstance(error, str) else type(error).__name__
        outage = self._open.get(name)
        if outage is not None and outage.error == kind:
            outage.failures += 1
            return
        if outage is None:
            self._open[name] = _Outage(since=self._clock.monotonic(), error=kind)
        else:
            outage.failures += 1
            outage.error = kind
        self._log.warning("failing", what=name, error=kind, detail=str(error), **fields)

    def succeeded(self, name: str, **fields: Any) -> None:
        """`name` worked just now."""
        outage = self._open.pop(name, None)
        if outage is not None:
            seconds = round(self._clock.monotonic() - outage.since, 3)
            self._log.info("recovered", what=name, failures=outage.failures, seconds=seconds, **fields)

    @property
    def open(self) -> tuple[str, ...]:
        """What fails at present."""
        return tuple(self._open)
