"""`aurora logs`: once, or for as long as a deployment lives, over lost connections, restarts and fail-overs."""

import json
import re
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aurora.cli.client import Client, Json
from aurora.cli.exits import CliError, ExitCode, note
from aurora.cli.line_stream import End, LineStream
from aurora.cli.patience import Patience
from aurora.cli.replay import unseen
from aurora.cli.screen import plain
from aurora.cli.waiting import is_ended

REMEMBERED = 2000
"""Lines kept to recognise what a new connection shows again."""
MOST_TAIL = 10_000
ARCHIVED = 1000
"""Lines that survive an instance."""
_MISSING_NOTICE = "[lines may be missing here"
"""Aurora's own notice inside a log: what came before it is not adjacent to what follows."""

_COLOUR = re.compile(r"(\x1b\[[0-9;]{0,32}m)")


@dataclass(frozen=True, slots=True)
class FollowPace:
    """`quiet_s` of silence end what a new connection repeats; `doubt_s` where nothing of it was recognised."""

    quiet_s: float = 0.5
    doubt_s: float = 3.0
    instance_s: float = 2.0
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


class LineOut:
    """Lines on stdout as they come: text as the container wrote it, or JSON objects. A terminal is given colours, and
    nothing else that would command it.
    """

    def __init__(self, *, as_json: bool, terminal: bool | None = None) -> None:
        self._as_json = as_json
        self._terminal = sys.stdout.isatty() if terminal is None else terminal
        self.count = 0

    def __call__(self, line: str) -> None:
        self.count += 1
        text = _colours_only(line) if self._terminal else line
        print(json.dumps({"line": line}) if self._as_json else text, flush=True)


def _colours_only(line: str) -> str:
    """Without control characters but those of colours, which are ended with the line."""
    parts = _COLOUR.split(line)
    if len(parts) == 1:
        return plain(line, one_line=True)
    kept = (part if _COLOUR.fullmatch(part) else plain(part, one_line=True) for part in parts)
    return "".join(kept) + "\x1b[0m"


def read(client: Client, deployment: str, *, out: LineOut, tail: int, timestamps: bool) -> None:
    """The last lines, once."""
    stream = LineStream(client, _path(deployment), _query(tail=tail, timestamps=timestamps))
    try:
        while True:
            out(stream.get() or "")
    except End as end:
        if end.why is not None:
            raise end.why from None
    if not out.count:
        note("No lines (yet).")


class Follower:
    """Shows a deployment's log until it ends. Each line once, as far as the market's log lets them be told apart."""

    def __init__(
        self,
        client: Client,
        deployment: str,
        *,
        out: Callable[[str], None],
        timestamps: bool = False,
        pace: FollowPace | None = None,
    ) -> None:
        self._client = client
        self._deployment = deployment
        self._out = out
        self._timestamps = timestamps
        self._pace = pace or FollowPace()
        self._shown: deque[str] = deque(maxlen=REMEMBERED)
        self._patience = Patience(
            limit_s=300.0,
            passing=(ExitCode.UNREACHABLE, ExitCode.CHECK_FAILED),
            monotonic=self._pace.monotonic,
        )
        self._told_waiting = False
        self._began = False
        """A line has been shown: what follows is not shortened to the tail that was asked for."""

    def run(self, *, tail: int) -> None:
        """Returns when the deployment has ended and its last lines are shown."""
        seen = self._look()
        while not is_ended(seen):
            try:
                self._connection(tail)
            except CliError as exc:
                self._pace.sleep(self._bear(exc))
            seen = self._next_look(seen)
        self._show_archive(tail)
        reason = seen.get("detail") or seen.get("reason")
        note(f"{self._deployment}: {seen['status']}{f' ({reason})' if reason else ''}")

    def _connection(self, tail: int) -> None:
        """One stream to its end. Raises CliError when it did not end by itself."""
        asked = min(MOST_TAIL, len(self._shown) + REMEMBERED) if self._began else tail
        query = {**_query(tail=asked, timestamps=self._timestamps), "follow": True}
        stream = LineStream(self._client, _path(self._deployment), query)
        try:
            if self._shown:
                self._catch_up(stream, most=asked)
            while True:
                self._show(stream.get() or "")
        except End as end:
            if end.why is not None:
                raise end.why from None
        self._pace.sleep(self._pace.quiet_s)

    def _catch_up(self, stream: LineStream, *, most: int) -> None:
        """Of what a new connection repeats, show what is new. Its end is silence: the server sends it in one go."""
        batch: list[str] = []
        end: End | None = None
        doubtful_until = self._pace.monotonic() + self._pace.doubt_s
        while len(batch) < most and end is None:
            try:
                line = stream.get(timeout_s=self._pace.quiet_s if batch else None)
            except End as exc:
                end = exc
                continue
            if line is not None:
                batch.append(line)
            elif not unseen(list(self._shown), batch)[1] or self._pace.monotonic() >= doubtful_until:
                break
        self._show_unseen(batch)
        if end is not None:
            raise end

    def _show_unseen(self, batch: list[str]) -> None:
        fresh, gap = unseen(list(self._shown), batch)
        if gap:
            note("[aurora] lines may be missing here")
        for line in fresh:
            self._show(line)

    def _show(self, line: str) -> None:
        self._patience.worked()
        self._began = True
        self._out(line)
        if line.startswith(_MISSING_NOTICE):
            self._shown.clear()
        else:
            self._shown.append(line)

    def _show_archive(self, tail: int) -> None:
        """What was written between the last look and the end."""
        asked = ARCHIVED if self._shown else tail
        stream = LineStream(
            self._client, _path(self._deployment), _query(tail=asked, timestamps=self._timestamps)
        )
        batch: list[str] = []
        try:
            while True:
                batch.append(stream.get() or "")
        except End as end:
            if end.why is not None:
                note(f"the last lines could not be read: {end.why.what}")
        self._show_unseen(batch)

    def _bear(self, exc: CliError) -> float:
        """Seconds to wait after a failure that may pass. Raises what will not."""
        code = (exc.document or {}).get("code")
        if code == "no_instance":
            if not self._told_waiting:
                note(f"{self._deployment}: nothing runs yet; its log follows when it does")
            self._told_waiting = True
            return self._pace.instance_s
        return self._patience.failed(exc)

    def _look(self) -> Json:
        return self._client.get(f"/deployments/{self._deployment}").data

    def _patient_look(self) -> Json:
        while True:
            try:
                return self._look()
            except CliError as exc:
                self._pace.sleep(self._bear(exc))

    def _next_look(self, before: Json) -> Json:
        """The deployment as it is after a stream ended. Another attempt has another log."""
        found = self._patient_look()
        if found["attempt"] != before["attempt"] and not is_ended(found):
            note(f"[aurora] attempt {found['attempt']} on {found['provider']}: its log follows")
            self._shown.clear()
        return found


def _path(deployment: str) -> str:
    return f"/deployments/{deployment}/logs"


def _query(*, tail: int, timestamps: bool) -> dict[str, Any]:
    return {"tail": tail, "timestamps": True if timestamps else None}
