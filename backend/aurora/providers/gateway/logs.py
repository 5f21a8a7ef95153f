"""Reading a job's log by its cursor: nothing is lost and nothing comes twice, also after a break."""

from collections.abc import AsyncIterator
from functools import partial

from aurora.domain.clock import Clock
from aurora.domain.errors import InstanceNotFound, ProviderError
from aurora.domain.instance import LogLine
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard
from aurora.providers.fields import Fields
from aurora.providers.gateway.client import GatewayClient
from aurora.providers.gateway.jobs import moment
from aurora.providers.log_overlap import LONGEST_LINE

MOST_LINES = 5000
"""Of one answer."""
FOLLOW_EVERY_S = 5.0
MOST_FAILURES = 5
"""Failed reads in a row that a follower bears."""
_LONGEST_CURSOR = 4096


class GatewayLogs:
    """Logs of one account's jobs."""

    def __init__(self, client: GatewayClient, *, guard: CallGuard, clock: Clock) -> None:
        self._client = client
        self._guard = guard
        self._clock = clock

    async def read(self, job_id: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines. Raises InstanceNotFound, NotSupported (they are no longer kept)."""
        for line in _lines(await self._answer(job_id, tail=tail, cursor=None)):
            yield line

    async def follow(self, job_id: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines and what follows, until the job has ended and nothing is left to read."""
        answer = await self._answer(job_id, tail=tail, cursor=None)
        while True:
            for line in _lines(answer):
                yield line
            if answer.flag("complete"):
                return
            cursor = self._cursor(answer)
            if len(_rows(answer)) < MOST_LINES:
                await self._clock.sleep(FOLLOW_EVERY_S)
            try:
                answer = await self._patiently(job_id, cursor=cursor)
            except InstanceNotFound:
                return

    async def _patiently(self, job_id: str, *, cursor: str) -> Fields:
        """A read that bears a few failures: a long follow must not end with one lost packet."""
        for failures in range(1, MOST_FAILURES + 1):
            try:
                return await self._answer(job_id, tail=MOST_LINES, cursor=cursor)
            except ProviderError as error:
                if not error.retryable or failures == MOST_FAILURES:
                    raise
            await self._clock.sleep(FOLLOW_EVERY_S * failures)
        raise AssertionError("unreachable")

    async def _answer(self, job_id: str, *, tail: int, cursor: str | None) -> Fields:
        wanted = max(1, min(tail, MOST_LINES))
        return await self._guard.call(
            Operation.LOGS, partial(self._client.logs, job_id, tail=wanted, cursor=cursor)
        )

    def _cursor(self, answer: Fields) -> str:
        cursor = answer.text("next_cursor", limit=_LONGEST_CURSOR)
        if cursor is None:
            raise self._client.malformed("the log has no cursor to go on from")
        return cursor


def _rows(answer: Fields) -> list[object]:
    rows = answer.raw("data")
    return rows if isinstance(rows, list) else []


def _lines(answer: Fields) -> list[LogLine]:
    found = (Fields(row) for row in _rows(answer) if isinstance(row, dict))
    return [_line(row) for row in found if isinstance(row.raw("line"), str)]


def _line(row: Fields) -> LogLine:
    text = str(row.raw("line")).rstrip("\r\n")[:LONGEST_LINE]
    return LogLine(text, at=moment(row.raw("ts")), stream=row.text("stream", limit=20))
