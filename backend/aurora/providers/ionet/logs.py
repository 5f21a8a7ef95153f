"""io.net's logs: two endless event streams per container, without times and without an end mark [seen].

Whether a stream begins with the first line or with the present one is not documented: after a break it is found out
from what it says.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from aurora.domain.errors import InstanceNotFound, ProviderError, ProviderTimeout
from aurora.domain.instance import LogLine
from aurora.domain.operation import Operation
from aurora.providers.ionet import deployments
from aurora.providers.ionet.limits import CONTAINERS
from aurora.providers.ionet.offer_id import is_container_id
from aurora.providers.ionet.parts import Parts
from aurora.providers.log_overlap import GAP, overlap
from aurora.providers.streaming import LineStream, event_text

STREAMS = ("stdout", "stderr")
MOST_LINES = 10_000
"""Lines kept to find out after a break where a stream goes on."""
MOST_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """Real seconds. `silence`: a stream that says nothing for so long has said what it had. `read`: the most that a
    read without `follow` takes. `pause`: between two looks at a deployment that is followed.
    """

    silence: float = 1.5
    read: float = 4.0
    pause: float = 5.0


@dataclass(slots=True)
class _Shown:
    """What was given of one container's stream: how many lines, and the last of them."""

    count: int = 0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_LINES))

    def add(self, line: str) -> None:
        self.count += 1
        self.lines.append(line)

    def fresh(self, beginning: Sequence[str]) -> list[str | None]:
        """The lines of a stream's beginning that were not given before; None stands where lines may be missing."""
        if not self.count or not beginning:
            return list(beginning)
        kept = list(self.lines)
        if list(beginning[self.count - len(kept) : self.count]) == kept:
            return list(beginning[self.count :])
        common = overlap(kept, beginning)
        return list(beginning[common:]) if common else [None, *beginning]


@dataclass(slots=True)
class _Reader:
    """One follower: where its lines go, and what was given of the present container."""

    queue: "asyncio.Queue[LogLine | None]"
    tail: int
    container: str | None = None
    shown: dict[str, _Shown] = field(default_factory=dict)

    def now_at(self, container: str) -> None:
        if container != self.container:
            self.container = container
            self.shown = {stream: _Shown() for stream in STREAMS}

    async def give(self, stream: str, lines: Sequence[str | None]) -> None:
        for line in lines:
            if line is not None:
                self.shown[stream].add(line)
            await self.queue.put(GAP if line is None else LogLine(line, stream=stream))

    def skip(self, stream: str, lines: Sequence[str | None]) -> None:
        """Lines before the wanted tail: not given, but known."""
        for line in lines:
            if line is not None:
                self.shown[stream].add(line)


class IonetLogs:
    """Logs of one account's deployments."""

    def __init__(self, parts: Parts, *, patience: Patience) -> None:
        self._parts = parts
        self._patience = patience

    async def read(self, deployment: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines so far. Raises InstanceNotFound; nothing before there is a container."""
        kept: deque[LogLine] = deque(maxlen=max(1, tail))
        for container in await self._containers(deployment):
            beginnings = [self._beginning(deployment, container, stream) for stream in STREAMS]
            for stream, lines in zip(STREAMS, await asyncio.gather(*beginnings), strict=True):
                kept.extend(LogLine(line, stream=stream) for line in lines)
        for line in kept:
            yield line

    async def follow(self, deployment: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines of each stream and what follows, until the deployment is past or gone."""
        reader = _Reader(asyncio.Queue(maxsize=MOST_LINES), tail)
        told = asyncio.create_task(self._tell(deployment, reader))
        try:
            while not (told.done() and reader.queue.empty()):
                line = await reader.queue.get()
                if line is not None:
                    yield line
            await told
        finally:
            told.cancel()
            with suppress(asyncio.CancelledError, ProviderError):
                await told

    async def _tell(self, deployment: str, reader: _Reader) -> None:
        """Follow both streams of whatever container there is. A None at the end wakes who waits."""
        try:
            failures = 0
            while True:
                try:
                    await self._turn(deployment, reader)
                    failures = 0
                except InstanceNotFound:
                    return
                except ProviderError as error:
                    failures += 1
                    if not error.retryable or failures == MOST_FAILURES:
                        raise
                await self._parts.clock.sleep(self._patience.pause)
        finally:
            await reader.queue.put(None)

    async def _turn(self, deployment: str, reader: _Reader) -> None:
        """Both streams of the newest container until they end. Raises InstanceNotFound when no more will come."""
        containers = await self._containers(deployment)
        over = await self._is_over(deployment)
        if containers:
            reader.now_at(containers[-1])
            await self._both(deployment, containers[-1], reader, once=over)
        if over:
            raise InstanceNotFound(self._parts.name, f"deployment {deployment} has ended")

    async def _both(self, deployment: str, container: str, reader: _Reader, *, once: bool) -> None:
        tasks = [
            asyncio.create_task(self._one(deployment, container, stream, reader, once=once))
            for stream in STREAMS
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(
        self, deployment: str, container: str, stream: str, reader: _Reader, *, once: bool
    ) -> None:
        """One stream from its beginning to its end; `once`: only what it says at once."""
        source = await self._opened(deployment, container, stream)
        if source is None:
            return
        async with source:
            beginning, ended = await self._until_silent(source)
            fresh = reader.shown[stream].fresh(beginning)
            if not reader.shown[stream].count and len(fresh) > reader.tail:
                reader.skip(stream, fresh[: -reader.tail])
                fresh = fresh[-reader.tail :]
            await reader.give(stream, fresh)
            while not (ended or once):
                ended = await self._more(source, deployment, stream, reader)

    async def _more(self, source: LineStream, deployment: str, stream: str, reader: _Reader) -> bool:
        """The next line, or a look at the deployment after a silence; True at the end."""
        try:
            line = await source.line(within=self._patience.pause)
        except ProviderTimeout:
            return stream == STREAMS[0] and await self._is_over(deployment)
        text = None if line is None else event_text(line)
        if text is not None:
            await reader.give(stream, (text,))
        return line is None

    async def _beginning(self, deployment: str, container: str, stream: str) -> list[str]:
        source = await self._opened(deployment, container, stream)
        if source is None:
            return []
        async with source:
            return (await self._until_silent(source))[0]

    async def _until_silent(self, source: LineStream) -> tuple[list[str], bool]:
        """What a stream says at once, and whether it then ended."""
        found: deque[str] = deque(maxlen=2 * MOST_LINES)
        with suppress(ProviderTimeout, TimeoutError):
            async with asyncio.timeout(self._patience.read):
                while (line := await source.line(within=self._patience.silence)) is not None:
                    text = event_text(line)
                    if text is not None:
                        found.append(text)
                return list(found), True
        return list(found), False

    async def _opened(self, deployment: str, container: str, stream: str) -> LineStream | None:
        """None where this container has no such log (yet)."""
        try:
            return await self._parts.call(
                Operation.LOGS,
                lambda: self._parts.client.open_log(deployment, container, stream=stream),
            )
        except InstanceNotFound:
            return None

    async def _containers(self, deployment: str) -> list[str]:
        """Ids, oldest first. Raises InstanceNotFound."""
        rows = await self._parts.call(
            Operation.LOGS,
            lambda: self._parts.client.containers(deployment, operation=Operation.LOGS),
            endpoint=CONTAINERS,
        )
        return [worker.id for worker in deployments.workers(rows) if is_container_id(worker.id)]

    async def _is_over(self, deployment: str) -> bool:
        """Nothing will be written any more."""
        fields = await self._parts.call(
            Operation.LOGS,
            lambda: self._parts.client.deployment(deployment, operation=Operation.LOGS),
            endpoint="status",
        )
        return (fields.text("status") or "").lower() in deployments.PAST
