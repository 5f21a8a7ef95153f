"""Words between replicas by Postgres's LISTEN and NOTIFY. They make things quick; nothing depends on their arrival.

They travel on a connection of their own: one from a pool would go on listening for whoever gets it next. Whatever is
told must also be found by looking, because a lost connection loses the words that came meanwhile.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from aurora.domain.clock import Clock

_LOST = (
    *(SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError),
    asyncpg.InternalClientError,  # what the driver says of a connection that broke under its hands
)
_CHANNEL = "aurora"
_AGAIN_S = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Waits between two tries to connect; the last one repeats."""
_TELL = "SELECT pg_notify($1, word) FROM unnest(CAST($2 AS text[])) AS told(word)"
_BREATH_S = 0.05
"""After something was told: a hundred purchases a second are twenty tellings, and the first is told at once."""
_WAITING = 1000
"""Words kept while there is no connection; the oldest go first."""


class Notices:
    """`post` what others should know; `run` hears what they post, for ever."""

    def __init__(self, engine: AsyncEngine, *, clock: Clock) -> None:
        """`engine` is for nothing else; whoever made it closes it."""
        self._engine = engine
        self._clock = clock
        self._out: dict[str, None] = {}
        self._posted = asyncio.Event()
        self._connected = False

    @property
    def connected(self) -> bool:
        return self._connected

    def post(self, word: str) -> None:
        """Tell all other replicas, soon. The same word twice in a moment is told once."""
        if len(self._out) < _WAITING:
            self._out[word] = None
            self._posted.set()

    async def run(self, heard: Callable[[str], None]) -> NoReturn:
        """Connect, listen and tell; after a lost connection again. `heard` must be quick and must not raise.

        It is called with an empty word after each connecting: look for what you may have missed.
        """
        tries = 0
        while True:
            try:
                async with self._engine.connect() as connection:
                    raw = await connection.get_raw_connection()
                    tries = 0
                    try:
                        await self._talk(raw.driver_connection, heard)
                    finally:
                        # It listens, or is broken in a way that only the driver knows of: nobody gets it again.
                        await connection.invalidate()
            except _LOST:
                pass  # polling goes on without us, and says by itself that the database is away
            finally:
                self._connected = False
            await self._clock.sleep(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])
            tries += 1

    async def _talk(self, driver: Any, heard: Callable[[str], None]) -> None:
        """Until the connection is lost."""
        own = driver.get_server_pid()

        def on_word(_connection: Any, pid: int, _channel: str, word: str) -> None:
            if pid != own:
                heard(word)

        driver.add_termination_listener(lambda _connection: self._posted.set())
        await driver.add_listener(_CHANNEL, on_word)
        self._connected = True
        self._out.clear()  # whoever was not there to hear it has looked by itself meanwhile
        heard("")
        while not driver.is_closed():
            await self._posted.wait()
            self._posted.clear()
            if self._out and not driver.is_closed():
                words, self._out = tuple(self._out), {}
                await driver.execute(_TELL, _CHANNEL, words)
                await self._clock.sleep(_BREATH_S)
