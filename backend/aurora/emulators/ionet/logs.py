"""Logs of a container: a stream of server-sent events that stays open while the container runs (contract, section 3.9)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aurora.emulators.exchange import Call, Frame, HangUp, Reply, Words
from aurora.emulators.ionet import replies
from aurora.emulators.ionet.deployment import Deployment
from aurora.emulators.ionet.estate import Estate

_LINE_EVERY_S = 2.0  # of stdout, sped up like all transitions
_ERROR_EVERY = 50  # lines of stdout to one of stderr
_HEAD_LINES = 3
_MOST_LINES = 20_000  # sent at once, the last ones
_PING_EVERY = timedelta(seconds=15)


class Logs:
    def __init__(self, estate: Estate, *, speed: float) -> None:
        self._estate = estate
        self._speed = speed

    def stream(self, call: Call) -> Reply:
        """`offset` exists, but nobody says what it means: it is taken and ignored."""
        stream = call.query.get("stream", "stdout")
        if stream not in {"stdout", "stderr"}:
            raise replies.wrong(["query", "stream"], "Input should be 'stdout' or 'stderr'", "enum")
        one = self._estate.find(call.params["id"])
        if one is None or one.placed_at is None or call.params["container"] not in one.container_ids:
            raise replies.missing()
        writer = _Writer(one, stream, self._speed, plain=self._estate.knobs.log_framing == "raw")
        feed = _LogFeed(self._estate, writer, said_at=call.now)
        return Reply(content_type="text/event-stream", feed=feed)


@dataclass(frozen=True)
class _Writer:
    """The lines that a container has written by some instant; the same every time."""

    one: Deployment
    stream: str
    speed: float
    plain: bool

    def count(self, now: datetime) -> int:
        started = self.one.started_at
        if started is None:
            return 0
        lasted = min(now, self.one.finished_at or now) - started
        steps = int(lasted.total_seconds() * self.speed / _LINE_EVERY_S)
        return steps // _ERROR_EVERY if self.stream == "stderr" else _HEAD_LINES + steps

    def frames(self, start: int, end: int) -> Iterator[Frame]:
        for number in range(max(start, end - _MOST_LINES), end):
            line = self._line(number)
            yield Frame(f"{line}\n" if self.plain else f"data: {line}\n\n")

    def _line(self, number: int) -> str:
        if self.stream == "stderr":
            step = (number + 1) * _ERROR_EVERY
            return f"[{step * _LINE_EVERY_S:9.1f}s] ERROR retrying shard step={step}"
        step = number - _HEAD_LINES + 1
        if step > 0:
            return f"[{step * _LINE_EVERY_S:9.1f}s] INFO working step={step} image={self.one.config.image}"
        return self._head()[number]

    def _head(self) -> Sequence[str]:
        config = self.one.config
        words = [*(config.entrypoint or ()), *(config.args or ())]
        return (
            f"[emulated] starting {self.one.name} image={config.image}",
            f"[emulated] args={' '.join(words)}".replace("\n", " "),
            f"[emulated] env={','.join([*(config.env or {}), *config.secret_keys])}",
        )


@dataclass
class _LogFeed:
    """All there is, then what comes; a comment now and then; the end when the container is gone."""

    estate: Estate
    writer: _Writer
    said_at: datetime
    sent: int = field(default=0)

    def due(self, now: datetime) -> Words:
        self.estate.advance(now)
        count = self.writer.count(now)
        words: list[Frame | HangUp] = list(self.writer.frames(self.sent, count))
        self.sent = max(self.sent, count)
        if not words and now - self.said_at >= _PING_EVERY:
            words.append(Frame(": ping\n\n"))
        if words:
            self.said_at = now
        return words if self.writer.one.alive else [*words, HangUp()]
