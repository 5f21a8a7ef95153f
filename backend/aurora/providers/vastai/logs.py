"""Reading an instance's log: ask for the file, wait for it, and again for those who follow."""

from collections.abc import AsyncIterator

from aurora.domain.clock import Clock
from aurora.domain.errors import InstanceNotFound, ProviderError, Unavailable
from aurora.domain.instance import LogLine
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard
from aurora.providers.vastai.client import VastClient
from aurora.providers.vastai.limits import LOG_FILE
from aurora.providers.vastai.log_tail import Tail, lines_of

FILE_CAP = 4 * 1024 * 1024
"""Bytes of one log file."""
TRIES = 30
TRY_EVERY_S = 0.5
"""The official client looks 30 times, 0.3 s apart (CLI 1.9.1)."""
FOLLOW_EVERY_S = 5.0
FOLLOW_LINES = 2000
"""Lines read each time when following: the more, the fewer gaps."""
MOST_LINES = 10_000
MOST_FAILURES = 5
"""Failed reads in a row that a follower bears."""


class VastLogs:
    """Logs of one account's instances."""

    def __init__(self, client: VastClient, *, guard: CallGuard, clock: Clock, provider: str) -> None:
        self._client = client
        self._guard = guard
        self._clock = clock
        self._provider = provider

    async def read(self, instance_id: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines. Raises InstanceNotFound."""
        text = await self._text(instance_id, lines=tail)
        for line in lines_of(text)[-tail:]:
            yield LogLine(line)

    async def follow(self, instance_id: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines and what follows, until the instance is gone. See `log_tail` for the limits."""
        window = min(max(tail, FOLLOW_LINES), MOST_LINES)
        shown = Tail(window)
        try:
            for line in shown.more(await self._text(instance_id, lines=window))[-tail:]:
                yield line
            while True:
                await self._clock.sleep(FOLLOW_EVERY_S)
                for line in shown.more(await self._patiently(instance_id, lines=window)):
                    yield line
        except InstanceNotFound:
            for line in shown.rest():
                yield line

    async def _patiently(self, instance_id: str, *, lines: int) -> str:
        """A read that bears a few failures: a long follow must not end with one lost packet."""
        for failures in range(1, MOST_FAILURES + 1):
            try:
                return await self._text(instance_id, lines=lines)
            except ProviderError as error:
                if not error.retryable or failures == MOST_FAILURES:
                    raise
            await self._clock.sleep(FOLLOW_EVERY_S * failures)
        raise AssertionError("unreachable")

    async def _text(self, instance_id: str, *, lines: int) -> str:
        wanted = max(1, min(lines, MOST_LINES))
        url = await self._guard.call(
            Operation.LOGS, lambda: self._client.request_logs(instance_id, tail=wanted)
        )
        for _ in range(TRIES):
            await self._clock.sleep(TRY_EVERY_S)
            found = await self._guard.call(
                Operation.LOGS, lambda: self._look(url), endpoint=LOG_FILE, cost=0.0
            )
            if isinstance(found, str):
                return found
            if isinstance(found, ProviderError) and not isinstance(found, Unavailable):
                raise found
        raise Unavailable(self._provider, f"the log file did not appear within {TRIES * TRY_EVERY_S:.0f} s")

    async def _look(self, url: str) -> str | ProviderError | None:
        """One look at the file. The file lies on another host: its failures must not open the market's breaker,
        so they are given back as values.
        """
        try:
            return await self._client.log_file(url, cap=FILE_CAP)
        except ProviderError as error:
            return error
