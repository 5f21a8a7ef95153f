"""Bearing an Aurora that is away for a while: a restart must not end a wait."""

import time
from collections.abc import Callable, Collection, Iterator

from aurora.cli.exits import CliError, ExitCode


class Patience:
    """Failures in a row are borne for `limit_s` seconds; each is followed by a longer pause."""

    def __init__(
        self,
        *,
        limit_s: float = 60.0,
        first_s: float = 0.5,
        longest_s: float = 10.0,
        passing: Collection[ExitCode] = (ExitCode.UNREACHABLE,),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = limit_s
        self._first_s = first_s
        self._longest_s = longest_s
        self._passing = passing
        self._monotonic = monotonic
        self._since: float | None = None
        self._pauses = self._growing()

    def worked(self) -> None:
        """It answers again."""
        self._since = None
        self._pauses = self._growing()

    def failed(self, exc: CliError) -> float:
        """Seconds to wait before the next try. Raises an error that does not pass, or has lasted too long."""
        if exc.code not in self._passing:
            raise exc
        now = self._monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= self._limit_s:
            raise exc
        return next(self._pauses)

    def _growing(self) -> Iterator[float]:
        # The first repetition comes at once: most broken connections are only that.
        yield 0.0
        pause = self._first_s
        while True:
            yield pause
            pause = min(self._longest_s, pause * 2)
