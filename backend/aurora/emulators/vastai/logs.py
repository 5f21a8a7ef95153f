"""Logs in two steps: ask for them, then fetch a text that appears at another address some moments later (contract, section 8)."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.marketplace import World
from aurora.emulators.vastai import replies
from aurora.emulators.vastai.estate import Estate
from aurora.emulators.vastai.rental import Phase, Rental, Session

RESULT_PATH = "/instance_logs/{name}"
_UPLOAD_S = 0.4  # until the text is there
_LINE_EVERY_S = 2.0
_DEFAULT_TAIL = 1000
_MOST_LINES = 20_000  # of a run that are kept, the last ones
_KEPT_RESULTS = 500
_COMMANDS = frozenset({"ls", "rm", "du"})  # what may be run from outside


@dataclass
class _Result:
    """A text on its way to the object store. The first look always comes too early."""

    text: str
    ready_at: datetime
    looks: int = field(default=0)


class Logs:
    def __init__(self, world: World, estate: Estate) -> None:
        self._options = world.options
        self._estate = estate
        self._results: dict[str, _Result] = {}
        self._asked = 0

    def request(self, call: Call) -> Reply:
        rental = self._find(call)
        if rental is None:
            return Reply({"error": "invalid_id", "msg": "Invalid instance id."}, 404)
        asked = replies.flat(call.json())
        lines = (
            _daemon_lines(rental)
            if str(asked.get("daemon_logs")).lower() == "true"
            else self._lines(rental, call.now)
        )
        url = self._store(call, "\n".join(_cut(list(lines), asked)) + "\n")
        return replies.done(result_url=url, msg="Logs requested; fetch result_url until it answers 200")

    def command(self, call: Call) -> Reply:
        """Run one of the allowed commands (section 3)."""
        rental = self._find(call)
        if rental is None:
            return replies.no_instance(call.params["id"])
        command = str(replies.flat(call.json()).get("command") or "")
        if command.split()[:1] == [] or command.split(maxsplit=1)[0] not in _COMMANDS:
            return replies.error(
                400, "invalid_args", f"Invalid command given. Allowed: {', '.join(sorted(_COMMANDS))}"
            )
        text = "total 4\n-rw-r--r-- 1 root root 220 onstart.sh\n" if command.startswith("ls") else "\n"
        return replies.done(result_url=self._store(call, text), writeable_path="")

    def result(self, call: Call) -> Reply:
        """The object store: 403 until the upload is done, then the text. No key, by name only."""
        result = self._results.get(call.params["name"])
        if result is None:
            return replies.access_denied()
        result.looks += 1
        if result.looks == 1 or call.now < result.ready_at:
            return replies.access_denied()
        return Reply(result.text, content_type="text/plain")

    def _store(self, call: Call, text: str) -> str:
        self._asked += 1
        seed = f"{self._options.seed}:{call.path}:{self._asked}"
        name = f"{hashlib.sha256(seed.encode()).hexdigest()}.log"
        ready_at = call.now + timedelta(seconds=_UPLOAD_S / self._options.state_speed)
        self._results[name] = _Result(text, ready_at)
        while len(self._results) > _KEPT_RESULTS:
            del self._results[next(iter(self._results))]
        return call.base + RESULT_PATH.format(name=name)

    def _find(self, call: Call) -> Rental | None:
        self._estate.advance(call.now)
        name = call.params["id"]
        return self._estate.find(int(name)) if name.isdecimal() else None

    def _lines(self, rental: Rental, now: datetime) -> Iterator[str]:
        """What the container wrote: a head for each run, then a line every two seconds (sped up like all transitions)."""
        if not rental.sessions:
            yield f"Error response from daemon: No such container: C.{rental.id}"
            return
        for session in rental.sessions:
            yield from _session_lines(rental, session, now=now, speed=self._options.state_speed)


def _session_lines(rental: Rental, session: Session, *, now: datetime, speed: float) -> Iterator[str]:
    order = rental.order
    yield f"[emulated] starting container C.{rental.id} image={order.image} runtype={order.runtype}"
    yield f"[emulated] args={' '.join(order.args)}"
    yield f"[emulated] env={','.join(order.env_names)}"
    lasted = ((session.end or now) - session.start).total_seconds() * speed
    count = int(lasted / _LINE_EVERY_S)
    for number in range(max(1, count - _MOST_LINES + 1), count + 1):
        kind = "ERROR retrying shard" if number % 50 == 0 else "INFO working"
        yield f"[{number * _LINE_EVERY_S:9.1f}s] {kind} step={number} image={order.image}"
    if session.end is not None:
        ended = "exited with code 0" if rental.phase is Phase.EXITED else "stopped"
        yield f"[emulated] container C.{rental.id} {ended}"


def _daemon_lines(rental: Rental) -> Iterator[str]:
    yield f"[daemon] created C.{rental.id} at {rental.created_at.isoformat()}"
    yield f"[daemon] status {rental.phase}: {rental.message or 'no message'}"


def _cut(lines: list[str], asked: Mapping[str, Any]) -> list[str]:
    """First `filter`, then `tail`; both arrive as texts."""
    wanted = asked.get("filter")
    if wanted:
        lines = [line for line in lines if str(wanted) in line]
    try:
        tail = int(asked.get("tail") or _DEFAULT_TAIL)
    except (TypeError, ValueError):
        raise replies.BadRequest("tail must be a number") from None
    return lines[-tail:] if tail > 0 else []
