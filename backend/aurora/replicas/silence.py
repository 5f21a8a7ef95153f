"""What one replica was told by a provider, known to all: be silent for a while, and this key is no good."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any

from aurora.db.database import Database
from aurora.db.repositories import breakers as breaker_rows
from aurora.db.repositories import pauses as rows
from aurora.db.repositories.pauses import SharedPause
from aurora.domain.clock import Clock
from aurora.domain.errors import CredentialRefused, DatabaseUnavailable
from aurora.domain.operation import Operation
from aurora.resilience.credential import Credential
from aurora.resilience.events import Event, PauseSet
from aurora.resilience.pause import Pauses

_SAME_S = 0.05
"""Two ends that are no further apart are the same: a pause must not grow by being passed on."""
_MARKED = 7
"""Characters of an operation's name in its mark: they differ in fewer."""


class SharedPauses:
    """One provider's pauses."""

    def __init__(
        self, provider: str, pauses: Pauses, *, database: Database, clock: Clock, tell: Callable[[str], None]
    ) -> None:
        self._provider = provider
        self._pauses = pauses
        self._database = database
        self._clock = clock
        self._tell_others = tell
        self._learning = False
        self._unsent: list[tuple[PauseSet, float]] = []
        self._undated: dict[str | None, tuple[float, float]] = {}
        """Those that all replicas know of: when they end, and since when all know, on our monotonic scale."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def on_event(self, event: Event) -> None:
        """Our own provider calls brought a pause: all must know."""
        if not isinstance(event, PauseSet) or event.provider != self._provider or self._learning:
            return
        seconds = (event.until - self._clock.now()).total_seconds()
        self._unsent.append((event, self._clock.monotonic() + seconds))
        task = asyncio.create_task(self._send_now())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def send(self) -> None:
        """Write what others do not know yet. Raises DatabaseUnavailable; then it is written later."""
        if not self._unsent:
            return
        sending, now = list(self._unsent), self._clock.monotonic()
        async with self._database.write() as connection:
            for event, ends_at in sending:
                pause = rows.Pause(event.provider, event.endpoint, event.until, event.reason)
                seconds = None if event.dated else ends_at - now
                if seconds is None or seconds > 0:
                    await rows.share(connection, pause, seconds=seconds)
        self._unsent = [one for one in self._unsent if one not in sending]
        written = self._clock.monotonic()
        self._undated |= {event.endpoint: (ends, written) for event, ends in sending if not event.dated}
        self._tell_others(f"pause:{self._provider}")

    async def clear(self) -> None:
        """Reset by hand: what the provider did not date is over for all. Raises DatabaseUnavailable."""
        self._unsent = [one for one in self._unsent if one[0].dated]
        self._undated.clear()
        async with self._database.write() as connection:
            await rows.end_undated(connection, self._provider)

    def follow(self, known: Iterable[SharedPause], *, looked_at: float) -> None:
        """Be silent for as long as anybody was told to be, and no longer than a person thinks right.

        `looked_at`: on our monotonic scale, before the database was asked.
        """
        self._learning = True
        try:
            present = [pause for pause in known if pause.provider == self._provider]
            for pause in present:
                self._learn(pause)
            self._forget({pause.endpoint for pause in present if not pause.dated}, looked_at)
        finally:
            self._learning = False

    def _learn(self, pause: SharedPause) -> None:
        if pause.dated:
            self._pauses.pause_until(pause.until, reason=pause.reason, endpoint=pause.endpoint)
            return
        now = self._clock.monotonic()
        self._undated[pause.endpoint] = (now + pause.left_s, now)
        if pause.left_s > self._left(pause.endpoint) + _SAME_S:
            self._pauses.pause(pause.left_s, reason=pause.reason, endpoint=pause.endpoint)

    def _forget(self, present: Collection[str | None], looked_at: float) -> None:
        """What all knew and is gone before its time was ended by a person."""
        for endpoint in set(self._undated) - set(present):
            ends_at, known_since = self._undated[endpoint]
            if known_since >= looked_at:
                continue  # written while we looked
            del self._undated[endpoint]
            if ends_at - self._clock.monotonic() > _SAME_S:
                self._pauses.end_undated(endpoint)

    def _left(self, endpoint: str | None) -> float:
        now = self._clock.now()
        held = (one for one in self._pauses.active() if one.endpoint == endpoint and not one.dated)
        return max(((one.until - now).total_seconds() for one in held), default=0.0)

    async def _send_now(self) -> None:
        try:
            await self.send()
        except DatabaseUnavailable:
            return  # the follower tries again


class SharedCredential:
    """What a provider thinks of one key. Replicas with another key (it is being changed) do not concern us."""

    def __init__(self, provider: str, credential: Credential, *, fingerprint: str) -> None:
        """`fingerprint`: eight characters that say which key it is and nothing about it."""
        self._provider = provider
        self._credential = credential
        self._marks = {
            f"{fingerprint}:{'key' if key is None else key[:_MARKED]}": key for key in (None, *Operation)
        }
        self._known: set[str] = set()
        self._began = False

    def follow(self, refused: Collection[str]) -> tuple[set[str], set[str]]:
        """Learn and forget as the others did; returns the marks to write as refused and as accepted.

        What was refused before our start may have been set right since: our first call finds out.
        """
        there = {mark for mark in refused if mark in self._marks}
        here = {mark for mark, key in self._marks.items() if key in self._credential.refused_keys}
        for mark in there - here - self._known:
            error = CredentialRefused(self._provider, "refused, as another replica was told")
            self._credential.learn(self._marks[mark], error, in_doubt=not self._began)
        for mark in (here & self._known) - there:
            self._credential.forget(self._marks[mark])
        new, over = here - there - self._known, (there & self._known) - here
        self._known = (there | new) - over
        self._began = True
        return new, over

    async def write(self, connection: Any, new: Iterable[str], over: Iterable[str]) -> None:
        """What `follow` found."""
        for mark in sorted(new):
            await breaker_rows.refuse(connection, self._provider, mark)
        for mark in sorted(over):
            await breaker_rows.accept(connection, self._provider, mark)
