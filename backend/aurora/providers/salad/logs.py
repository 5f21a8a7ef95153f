"""SaladCloud's logs: a query over a time window, without cursor and without stream [seen].

`time` is the node's clock, up to about 73 s off, and entries arrive late [2nd]: who follows reads a window that reaches
back, and gives each entry once. Equal lines of one millisecond are told apart by their number.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aurora.domain.clock import Clock
from aurora.domain.errors import InstanceNotFound, ProviderError
from aurora.domain.instance import LogLine
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard
from aurora.providers.fields import Fields
from aurora.providers.log_overlap import GAP, LONGEST_LINE
from aurora.providers.salad.client import LOG_PAGE, SaladClient
from aurora.providers.salad.limits import ACCOUNT
from aurora.providers.salad.names import Place

KEPT = timedelta(days=90)
"""How long the market keeps entries [seen]."""
OVERLAP = timedelta(seconds=120)
"""How far a follower's window reaches back: more than clocks are off and entries are late."""
FOLLOW_EVERY_S = 5.0
MOST_LINES = 10_000
PAGES_AT_ONCE = 10
"""Pages of one look of a follower."""
MOST_FAILURES = 5
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One log line."""

    at: datetime
    instance: str
    line: str


@dataclass(slots=True)
class _Follower:
    """What was given, as far back as entries may still come."""

    since: datetime
    given: Counter[Entry] = field(default_factory=Counter)

    def fresh(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries of one whole window that were not given before, in their order."""
        counted: Counter[Entry] = Counter()
        new = []
        for entry in entries:
            counted[entry] += 1
            if counted[entry] > self.given[entry]:
                self.given[entry] += 1
                new.append(entry)
        return new

    def reach(self, newest: datetime) -> None:
        """The window moves on with the newest entry."""
        self.since = max(self.since, newest - OVERLAP)
        self.given = Counter({each: count for each, count in self.given.items() if each.at >= self.since})


class SaladLogs:
    """Logs of one project's container groups."""

    def __init__(
        self, client: SaladClient, place: Place, *, guard: CallGuard, clock: Clock, provider: str
    ) -> None:
        self._client = client
        self._place = place
        self._guard = guard
        self._clock = clock
        self._provider = provider

    async def read(self, name: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines. Raises InstanceNotFound."""
        since = await self._since(name)
        for entry in await self._last(name, since, min(max(1, tail), MOST_LINES)):
            yield _line(entry)

    async def follow(self, name: str, *, tail: int) -> AsyncIterator[LogLine]:
        """The last `tail` lines and what follows, until the group is gone."""
        since = await self._since(name)
        first = await self._last(name, since, min(max(1, tail), MOST_LINES))
        follower = _Follower(since)
        for entry in follower.fresh(first):
            yield _line(entry)
        if first:
            # What is older than the tail is not wanted, also where the window reaches back to it.
            follower.since = max(since, first[0].at if len(first) >= tail else since)
            follower.reach(first[-1].at)
        failures, alive = 0, True
        while alive:
            await self._clock.sleep(FOLLOW_EVERY_S)
            try:
                alive = await self._is_alive(name)
                async for line in self._more(name, follower):
                    yield line
                failures = 0
            except ProviderError as error:
                failures += 1
                if not error.retryable or failures == MOST_FAILURES:
                    raise

    async def _more(self, name: str, follower: _Follower) -> AsyncIterator[LogLine]:
        """One look: the window's pages in order of time."""
        start, lost = follower.since, False
        entries: list[Entry] = []
        for _ in range(PAGES_AT_ONCE):
            page = await self._page(name, start, self._now(), newest_first=False)
            known = Counter(each for each in entries if each.at >= start)
            entries += _beyond(page, known)
            if len(page) < LOG_PAGE:
                break
            if page[-1].at <= start:
                start, lost = start + _MILLISECOND, True  # more entries of one millisecond than a page holds
            else:
                start = page[-1].at
        for entry in follower.fresh(entries):
            yield _line(entry)
        if lost:
            yield GAP
        if entries:
            follower.reach(entries[-1].at)

    async def _last(self, name: str, since: datetime, wanted: int) -> list[Entry]:
        """The newest entries, oldest first."""
        end = self._now()
        found: list[Entry] = []
        while len(found) < wanted and end > since:
            page = await self._page(name, since, end, newest_first=True)
            known = Counter(each for each in found if each.at <= end)
            found += _beyond(page, known)
            if len(page) < LOG_PAGE:
                break
            end = page[-1].at if page[-1].at < end else end - _MILLISECOND
        return found[:wanted][::-1]

    async def _page(self, name: str, start: datetime, end: datetime, *, newest_first: bool) -> list[Entry]:
        body = {
            "start_time": _stamp(start),
            "end_time": _stamp(max(end, start + _MILLISECOND)),
            "query": self._query(name),
            "page_size": LOG_PAGE,
            "sort_order": "desc" if newest_first else "asc",
        }
        rows = await self._guard.call(
            Operation.LOGS, lambda: self._client.log_entries(body), endpoint=ACCOUNT
        )
        found = [_entry(Fields(row if isinstance(row, dict) else {}), start) for row in rows]
        return sorted(found, key=lambda entry: entry.at, reverse=newest_first)

    def _query(self, name: str) -> str:
        labels = {"project_name": self._place.project, "container_group_name": name}
        wanted = " and ".join(f'resource.labels.{label} = "{value}"' for label, value in labels.items())
        return f'resource.type = "container" and {wanted}'

    async def _since(self, name: str) -> datetime:
        """From when on there can be entries. Raises InstanceNotFound."""
        group = await self._group(name)
        created = group.iso_moment("create_time")
        oldest = self._now() - KEPT + timedelta(minutes=1)
        # A node's clock may be behind.
        return oldest if created is None else _whole(max(oldest, created - OVERLAP))

    async def _is_alive(self, name: str) -> bool:
        try:
            await self._group(name)
        except InstanceNotFound:
            return False
        return True

    async def _group(self, name: str) -> Fields:
        return await self._guard.call(
            Operation.LOGS, lambda: self._client.group(name, operation=Operation.LOGS), endpoint=ACCOUNT
        )

    def _now(self) -> datetime:
        """Times must be past, and no finer than a millisecond [2nd]."""
        return _whole(self._clock.now())


def _beyond(page: Sequence[Entry], known: Mapping[Entry, int]) -> list[Entry]:
    """The entries of a page that the pages before did not hold: windows share their edge."""
    counted: Counter[Entry] = Counter()
    new = []
    for entry in page:
        counted[entry] += 1
        if counted[entry] > known.get(entry, 0):
            new.append(entry)
    return new


def _entry(fields: Fields, otherwise: datetime) -> Entry:
    """A JSON line comes as an object; it is given as it was, as far as that can be told."""
    said = fields.raw("text_log")
    if isinstance(said, str):
        line = said
    else:
        found = fields.raw("json_log")
        line = "" if found is None else _json(found)
    labels = fields.object("resource").object("labels")
    return Entry(
        fields.iso_moment("time") or otherwise,
        labels.text("instance_id", limit=80) or "",
        line.rstrip("\r\n")[:LONGEST_LINE],
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _line(entry: Entry) -> LogLine:
    return LogLine(entry.line, at=entry.at)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
