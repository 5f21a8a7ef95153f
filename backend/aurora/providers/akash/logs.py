"""Logs of leases, read and followed.

There are no times and no cursor, and a log is gone with its container. When a stream breaks, the new one begins with
the last `REPLAY` lines once more; what is new are those behind the longest overlap with what was shown. Limits:
identical lines that fill the whole window cannot be told from no progress, and where nothing overlaps (more lines than
the window in between, or a new container) a notice line is given instead of silence.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from aurora.domain.errors import InstanceNotFound, ProviderError, ProviderTimeout, Unavailable
from aurora.domain.instance import InstanceState, LogLine
from aurora.domain.operation import Operation
from aurora.providers.akash.limits import LOG_SOCKET, PROVIDERS
from aurora.providers.akash.log_stream import LogStream, Target, TokenRefused, open_stream
from aurora.providers.akash.own import OwnDeployments
from aurora.providers.akash.parts import Parts
from aurora.providers.akash.tokens import Tokens
from aurora.providers.fields import Fields
from aurora.providers.http import JsonClient
from aurora.providers.log_overlap import GAP, overlap
from aurora.providers.targets import may_be_named

REPLAY = 500
"""Lines that are read again after a break."""
MOST_LINES = 10_000
SILENCE_S = 2.0
"""A replay that pauses so long is over."""
_LONGEST_PAUSES = 5
"""So many of these pauses a replay may last: a container that writes all the time never pauses."""
MOST_FAILURES = 5
"""Breaks without a single line between them that a follower bears."""
RETRY_S = 5.0
_OVER = frozenset({InstanceState.STOPPED, InstanceState.FAILED, InstanceState.EXITED, InstanceState.ENDING})


@dataclass(slots=True)
class _Progress:
    """What a follower has given."""

    shown: deque[str]
    first: int | None
    """Lines that the first connection is asked for; None once it gave one."""
    failures: int = 0

    def give(self, line: str) -> LogLine:
        self.first = None
        self.shown.append(line)
        self.failures = 0
        return LogLine(line)


class AkashLogs:
    """Logs of one account's leases, through the provider-proxy."""

    def __init__(
        self, parts: Parts, own: OwnDeployments, *, proxy: JsonClient, silence_s: float = SILENCE_S
    ) -> None:
        self._parts = parts
        self._own = own
        self._proxy = proxy
        self._tokens = Tokens(parts)
        self._silence_s = silence_s
        self._gateways: dict[str, str] = {}

    async def read(self, dseq: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines. Raises InstanceNotFound; nothing while there is no lease."""
        target = await self._target(dseq)
        if target is None:
            return
        stream = await self._open(target, tail=min(tail, MOST_LINES), follow=False)
        try:
            try:
                line = await stream.line()
            except TokenRefused:
                self._tokens.refused()
                await stream.aclose()
                stream = await self._open(target, tail=min(tail, MOST_LINES), follow=False)
                line = await stream.line()
            while line is not None:
                yield LogLine(line)
                line = await stream.line()
        finally:
            await stream.aclose()

    async def follow(self, dseq: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines and what follows, until the instance is gone."""
        progress = _Progress(deque(maxlen=REPLAY), first=min(tail, MOST_LINES))
        while True:
            try:
                target = await self._target(dseq)
                if target is not None:
                    async with aclosing(self._stream(target, progress)) as lines:
                        async for line in lines:
                            yield line
            except InstanceNotFound:
                return
            except ProviderError as error:
                self._bear(error, progress)
            if await self._is_over(dseq, progress):
                return

    def _bear(self, error: ProviderError, progress: _Progress) -> None:
        """A failure that another connection may cure. Raises it when there were too many, or none will."""
        progress.failures += 1
        if isinstance(error, TokenRefused):
            self._tokens.refused()
        if not error.retryable or progress.failures >= MOST_FAILURES:
            raise error

    async def _is_over(self, dseq: str, progress: _Progress) -> bool:
        """The stream ended: with the instance, or only for now?"""
        try:
            state = (await self._own.sighting(dseq)).state
        except InstanceNotFound:
            return True
        except ProviderError as error:
            self._bear(error, progress)
            state = InstanceState.UNKNOWN
        if state in _OVER:
            return True
        await self._parts.clock.sleep(RETRY_S * max(1, progress.failures))
        return False

    async def _stream(self, target: Target, progress: _Progress) -> AsyncGenerator[LogLine, None]:
        """One connection's lines: all of the first one, of a later one what was not shown."""
        first = progress.first
        stream = await self._open(target, tail=REPLAY if first is None else first, follow=True)
        try:
            if first is None:
                for line in await self._missed(stream, progress):
                    yield line
            while (text := await stream.line()) is not None:
                yield progress.give(text)
        finally:
            await stream.aclose()

    async def _missed(self, stream: LogStream, progress: _Progress) -> list[LogLine]:
        """The replay's lines that were not shown. It ends with `REPLAY` lines, a pause, its time, or the stream."""
        replay: list[str] = []
        clock = self._parts.clock
        ends_at = clock.monotonic() + _LONGEST_PAUSES * self._silence_s
        while len(replay) < REPLAY and (left := ends_at - clock.monotonic()) > 0:
            try:
                text = await stream.line(within=min(left, self._silence_s))
            except ProviderTimeout:
                break
            if text is None:
                break
            replay.append(text)
        common = overlap(tuple(progress.shown), replay)
        lost = bool(progress.shown and replay and not common)
        fresh = [progress.give(line) for line in replay[common:]]
        return [GAP, *fresh] if lost else fresh

    async def _open(self, target: Target, *, tail: int, follow: bool) -> LogStream:
        """A stream, with a new token if the first is refused at once. The proxy and the provider behind it are other
        servers than the Console: their failures are given back as values, so that they do not open its breaker.
        """
        token = await self._tokens.current()
        opened = await self._parts.guard.call(
            Operation.LOGS,
            lambda: self._try_open(target, token, tail=tail, follow=follow),
            endpoint=LOG_SOCKET,
            cost=0.0,
        )
        if isinstance(opened, ProviderError):
            raise opened
        return opened

    async def _try_open(
        self, target: Target, token: str, *, tail: int, follow: bool
    ) -> LogStream | ProviderError:
        try:
            return await open_stream(self._proxy, target, token, tail=tail, follow=follow)
        except ProviderError as error:
            return error

    async def _target(self, dseq: str) -> Target | None:
        """Raises InstanceNotFound; None while there is no lease."""
        found = await self._own.look(dseq, Operation.LOGS)
        lease = None if found is None else next(iter(found.open_leases), None)
        if lease is None:
            return None
        gateway = await self._gateway(lease.provider)
        return Target(gateway, lease.provider, lease.dseq, lease.gseq, lease.oseq)

    async def _gateway(self, owner: str) -> str:
        """The provider's address, which hardly ever changes."""
        known = self._gateways.get(owner)
        if known is not None:
            return known
        told = await self._parts.call(
            Operation.LOGS, lambda: self._parts.client.provider(owner), endpoint=PROVIDERS
        )
        found = Fields(told if isinstance(told, dict) else {}).text("hostUri", limit=300)
        if found is None or not may_be_named(found):
            raise Unavailable(self._parts.name, "the provider has no public address for its logs")
        self._gateways[owner] = found
        return found

    async def aclose(self) -> None:
        """Close the session to the proxy."""
        await self._proxy.aclose()
