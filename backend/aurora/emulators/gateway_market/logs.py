"""Logs of a job: a page at a time, or as server-sent events until the job has ended."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aurora.emulators.exchange import Call, Frame, HangUp, Reply, Words
from aurora.emulators.gateway_market import asked
from aurora.emulators.gateway_market.desk import Desk
from aurora.emulators.gateway_market.replies import Refused, invalid, moment
from aurora.emulators.gateway_market.view import status
from aurora.emulators.jobs.job import Job
from aurora.emulators.jobs.logbook import Line, lines

_STREAMS = ("all", "stdout", "stderr")
_DEFAULT_TAIL, _MAX_TAIL = 200, 5000
_PING_EVERY = timedelta(seconds=15)


@dataclass(frozen=True)
class _Asked:
    """Which lines of a job: `after` this seq, of this stream, since then; `tail` of them."""

    after: int | None
    stream: str
    since: datetime | None
    tail: int

    def of(self, found: Sequence[Line]) -> Sequence[Line]:
        fits = [line for line in found if self._fits(line)]
        return fits[-self.tail :] if self.after is None else fits[: self.tail]

    def _fits(self, line: Line) -> bool:
        return (
            (self.after is None or line.seq > self.after)
            and self.stream in {"all", line.stream}
            and (self.since is None or line.at >= self.since)
        )


@dataclass(frozen=True)
class Logs:
    desk: Desk
    speed: float

    def read(self, call: Call) -> Reply:
        self.desk.estate.advance(call.now)
        job = self.desk.find(call.params["id"], call.now)
        if job.finished_at and call.now - job.finished_at > timedelta(days=self.desk.brand.log_days):
            raise Refused("logs_expired", f"the logs of {job.id} are no longer kept")
        wanted = _wanted(call)
        if asked.truth(call, "follow"):
            feed = _Feed(job, wanted, self._lines, self.desk.estate.advance)
            return Reply(content_type="text/event-stream", feed=feed)
        return Reply(self._page(job, wanted, call.now))

    def _page(self, job: Job, wanted: _Asked, now: datetime) -> dict[str, Any]:
        """`next_cursor` moves on only with what was shown: what another stream wrote meanwhile is not lost."""
        found = self._lines(job, now)
        shown = wanted.of(found)
        last = shown[-1].seq if shown else wanted.after or 0
        rest = _Asked(last, wanted.stream, wanted.since, 1).of(found)
        return {
            "data": [{"seq": line.seq, **_told(line)} for line in shown],
            "next_cursor": str(last),
            "complete": job.ended and not rest,
            "emulated": True,
        }

    def _lines(self, job: Job, now: datetime) -> Sequence[Line]:
        return lines(job, now, self.speed)


@dataclass
class _Feed:
    """Server-sent events: the last lines, new ones as they are written, a ping now and then, the end."""

    job: Job
    wanted: _Asked
    lines: Callable[[Job, datetime], Sequence[Line]]
    advance: Callable[[datetime], None]
    spoken_at: datetime | None = field(default=None)

    def due(self, now: datetime) -> Words:
        self.advance(now)
        words: list[Frame | HangUp] = []
        for line in self.wanted.of(self.lines(self.job, now)):
            words.append(Frame(f"id: {line.seq}\nevent: log\ndata: {json.dumps(_told(line))}\n\n"))
            self.wanted = _Asked(line.seq, self.wanted.stream, self.wanted.since, _MAX_TAIL)
        if self.spoken_at is None:
            self.spoken_at = now
            self.wanted = _Asked(self.wanted.after or 0, self.wanted.stream, self.wanted.since, _MAX_TAIL)
        if words:
            self.spoken_at = now
        elif self.job.ended:
            words = [Frame(f"event: end\ndata: {json.dumps({'status': status(self.job)})}\n\n"), HangUp()]
        elif now - self.spoken_at >= _PING_EVERY:
            self.spoken_at, words = now, [Frame(": ping\n\n")]
        return words


def _wanted(call: Call) -> _Asked:
    stream = asked.text(call, "stream") or "all"
    if stream not in _STREAMS:
        raise invalid([("stream", f"must be one of {', '.join(_STREAMS)}")])
    tail = asked.whole(call, "tail", least=1, most=_MAX_TAIL, default=_DEFAULT_TAIL) or _DEFAULT_TAIL
    after = call.headers.get("Last-Event-ID") if asked.truth(call, "follow") else None
    after = after or asked.text(call, "cursor")
    if after is not None and not after.isdecimal():
        raise Refused("invalid_cursor", "the cursor is not one of these logs")
    return _Asked(None if after is None else int(after), stream, asked.moment(call, "since"), tail)


def _told(line: Line) -> dict[str, str]:
    return {"ts": moment(line.at), "stream": line.stream, "line": line.text}
