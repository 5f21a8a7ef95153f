"""POST log-entries: what containers wrote and what the platform did, by query and window of time (contract, section 8)."""

import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.salad import schema, stamps
from aurora.emulators.salad.estate import Estate
from aurora.emulators.salad.group import Event, Group
from aurora.emulators.salad.instance import Run
from aurora.emulators.salad.logquery import BadQuery, parse
from aurora.emulators.salad.replies import Refused

_LINE_EVERY_S = 2.0
_LEAST_EVERY_S = 0.05  # however fast everything else goes
_HEAD_LINES = 3
_JSON_EVERY, _ERROR_EVERY = 25, 50  # lines
_RETENTION = timedelta(days=90)


@dataclass(frozen=True)
class Line:
    """`time` is of the node's clock, `received` of the platform's."""

    time: datetime
    received: datetime
    entry: dict[str, Any]


@dataclass(frozen=True)
class _Window:
    start: datetime
    end: datetime
    now: datetime

    def shows(self, line: Line) -> bool:
        return self.start <= line.time <= self.end and line.received <= self.now


class Logs:
    def __init__(self, estate: Estate, *, speed: float) -> None:
        self._estate = estate
        self._every = timedelta(seconds=max(_LINE_EVERY_S / speed, _LEAST_EVERY_S))

    def query(self, call: Call) -> Reply:
        form = schema.read(call, schema.LogQuery)
        window = self._window(form, call.now)
        try:
            fits = parse(form.query)
        except BadQuery as exc:
            raise Refused(400, f"query: {exc}") from None
        newest_first = form.sort_order == "desc"
        organization = call.params["organization"]
        sources = [
            source
            for group in self._estate.every()
            if group.key.organization == organization
            for source in self._sources(group, window, newest_first=newest_first)
        ]
        merged = heapq.merge(*sources, key=lambda line: line.time, reverse=newest_first)
        found = (line for line in merged if window.shows(line) and fits(line.entry))
        page = list(islice(found, form.page_size))
        times = [line.time for line in page] or [window.start, window.end]
        return Reply(
            {
                "items": [line.entry for line in page],
                "organization_name": organization,
                "page_min_time": stamps.short(min(times)),
                "page_max_time": stamps.short(max(times)),
            }
        )

    def _window(self, form: schema.LogQuery, now: datetime) -> _Window:
        """Raises Refused for times that are wrong, too fine, in the future or the wrong way round."""
        fine = self._estate.knobs.fine_times
        start = stamps.read("start_time", form.start_time, fine=fine)
        end = stamps.read("end_time", form.end_time, fine=fine)
        for name, at in (("start_time", start), ("end_time", end)):
            if at > now:
                raise Refused(400, f"{name}: must be in the past")
        if start > end:
            raise Refused(400, "start_time: must not be after end_time")
        return _Window(max(start, now - _RETENTION), end, now)

    def _sources(self, group: Group, window: _Window, *, newest_first: bool) -> Iterator[Iterable[Line]]:
        """Streams of lines in order of time, each of one run, and one of the platform's events."""
        events = [self._event(group, event) for event in group.events]
        yield reversed(events) if newest_first else events
        for one in (*group.past, *group.instances):
            for run in one.runs:
                if run.start - _RETENTION < window.end:
                    yield self._lines(group, run, window, newest_first=newest_first)

    def _lines(self, group: Group, run: Run, window: _Window, *, newest_first: bool) -> Iterator[Line]:
        """The lines of a run that can lie in the window, made one by one."""
        skew = self._skew(run)
        until = min(run.end or window.now, window.now)
        count = _HEAD_LINES + (until - run.start) // self._every
        first = max(0, (window.start - run.start - skew) // self._every)
        last = min(count, (window.end - run.start - skew) // self._every + _HEAD_LINES + 1)
        numbers = range(first, max(first, last))
        for number in reversed(numbers) if newest_first else numbers:
            yield self._line(group, run, number, skew)

    def _line(self, group: Group, run: Run, number: int, skew: timedelta) -> Line:
        written = run.start + max(0, number - _HEAD_LINES + 1) * self._every
        text = _text(group, run, number)
        return self._made(written + skew, written, "container", _labels(group, run), text)

    def _event(self, group: Group, event: Event) -> Line:
        labels = {"project_name": group.key.project, "container_group_name": group.key.name}
        kind = "deployment_controller"
        if event.instance_id:
            kind = "instance_controller"
            labels |= {"container_group_version": str(event.version), "instance_id": event.instance_id}
            labels |= {"machine_id": event.machine_id} if event.machine_id else {}
        return self._made(event.at, event.at, kind, labels, event.name)

    def _made(self, time: datetime, written: datetime, kind: str, labels: dict[str, str], text: str) -> Line:
        """An entry; text that is a JSON object is told apart, and its severity lifted out."""
        received = written + self._estate.lifecycle.span(self._estate.knobs.log_lag_s)
        time -= timedelta(microseconds=time.microsecond % 1000)  # what is shown is what is searched
        severity, content = "default", {"text_log": text}
        if text.startswith("{"):
            inner = json.loads(text)
            severity, content = inner.pop("severity", "default"), {"json_log": inner}
        entry = {
            "time": stamps.short(time),
            "receive_time": stamps.short(received),
            "severity": severity,
            "resource": {"type": kind, "labels": labels},
            **content,
        }
        return Line(time, received, entry)

    def _skew(self, run: Run) -> timedelta:
        """How far the node's clock is off."""
        most = self._estate.knobs.clock_skew_s
        chance = self._estate.lifecycle.chance("clock", run.machine_id)
        return self._estate.lifecycle.span(1) * chance.uniform(-most, most)


def _labels(group: Group, run: Run) -> dict[str, str]:
    return {
        "project_name": group.key.project,
        "container_group_name": group.key.name,
        "container_group_version": str(run.version),
        "instance_id": run.instance_id,
        "machine_id": run.machine_id,
    }


def _text(group: Group, run: Run, number: int) -> str:
    """The lines of the head share one instant; then one at a time."""
    container = group.container
    step = number - _HEAD_LINES + 1
    if step <= 0:
        head = (
            f"[emulated] starting {group.key.name} image={container['image']} run={run.number + 1}",
            f"[emulated] command={' '.join(container['command'] or ())}".replace("\n", " "),
            f"[emulated] env={','.join(container['environment_variables'])}",
        )
        return head[number]
    if step % _JSON_EVERY == 0 and step % _ERROR_EVERY:
        return json.dumps({"severity": "warning", "message": "queue is long", "step": step})
    kind = "ERROR retrying shard" if step % _ERROR_EVERY == 0 else "INFO working"
    return f"{kind} step={step} image={container['image']}"
