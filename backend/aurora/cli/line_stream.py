"""The lines of one HTTP stream, read in a thread of their own: so silence can be noticed, and Ctrl-C is not late."""

import http.client
import queue
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from aurora.cli.client import Client
from aurora.cli.exits import CliError, ExitCode, Unreachable

QUIET_S = 120.0
"""A connection without a byte for so long may be dead: it is made again."""
_AT_ONCE = 65_536
BREAKS_OFF = "[aurora] the log ends here: "
"""The server's last line when the market fails in the middle of a log."""


class End(Exception):
    """No more lines. `why` is None when the log simply ended."""

    def __init__(self, why: CliError | None) -> None:
        super().__init__(why)
        self.why = why


class LineStream:
    """One connection. `get` gives the next line, raises End, or answers None after `timeout_s` of silence."""

    def __init__(self, client: Client, path: str, query: Mapping[str, Any]) -> None:
        self._client = client
        self._path = path
        self._query = query
        self._found: queue.SimpleQueue[str | End] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def get(self, *, timeout_s: float | None = None) -> str | None:
        try:
            found = self._found.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(found, End):
            raise found
        return found

    def _read(self) -> None:
        """The thread opens and closes the connection: closing it from outside would wait for the next byte."""
        why: CliError | None = None
        held: str | None = None
        try:
            with self._client.stream(self._path, self._query, timeout_s=QUIET_S) as body:
                for raw in _lines(body):
                    if held is not None:
                        self._found.put(held)
                    held = raw.decode("utf-8", "replace").rstrip("\r")
                    if not held.startswith(BREAKS_OFF):
                        self._found.put(held)
                        held = None
            if held is not None:
                why = CliError(
                    ExitCode.CHECK_FAILED,
                    held.removeprefix(BREAKS_OFF),
                    then="`aurora providers` shows how the market is",
                )
        except CliError as exc:
            why = exc
        except (OSError, http.client.HTTPException):
            why = Unreachable("the connection broke off")
        self._found.put(End(why))


def _lines(body: http.client.HTTPResponse) -> Iterator[bytes]:
    """The lines. Raises IncompleteRead for a connection that broke off, which `readline` takes for an end."""
    rest = b""
    while part := body.read1(_AT_ONCE):
        *whole, rest = (rest + part).split(b"\n")
        yield from whole
    if body.length:
        raise http.client.IncompleteRead(b"")
    if rest:
        yield rest
