"""What a lease's containers write, and what kubernetes says of them: endless texts that grow with time (contract, section 10.2)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from aurora.emulators.akash import view
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.lease import Containers, Lease
from aurora.emulators.exchange import Frame, HangUp, Words

_LINE_EVERY_S = 2.0
_HEAD_LINES = 3  # at the start of each container
_MOST_LINES = 20_000  # sent at once
_NO_PODS = 4000


class Feed(Protocol):
    def count(self, now: datetime) -> int:
        """How many lines there are by now; never fewer than before."""
        ...

    def line(self, number: int) -> str:
        """One of them, as the frame that carries it."""
        ...

    def over(self, now: datetime) -> bool:
        """Whether no more will come."""
        ...


@dataclass(frozen=True)
class Run:
    """The containers of a lease as they run now; a restart is another run."""

    deployment: Deployment
    lease: Lease
    containers: Containers
    services: Sequence[str]
    speed: float

    def over(self, now: datetime) -> bool:
        ends = self.containers.ends_at
        return (
            not self.lease.living
            or self.lease.containers is not self.containers
            or (ends is not None and now >= ends)
        )


@dataclass(frozen=True)
class LogFeed:
    """Deterministic lines, the services in turn. They carry no time, as in life."""

    run: Run

    def count(self, now: datetime) -> int:
        ready = self.run.containers.ready_at
        if ready is None or now < ready:
            return 0
        lasted = (now - ready).total_seconds() * self.run.speed
        return (_HEAD_LINES + int(lasted / _LINE_EVERY_S)) * len(self.run.services)

    def line(self, number: int) -> str:
        service = self.run.services[number % len(self.run.services)]
        text = self._text(service, number // len(self.run.services))
        return json.dumps({"name": view.pod(self.run.deployment, service), "message": text})

    def over(self, now: datetime) -> bool:
        return self.run.over(now)

    def _text(self, service: str, number: int) -> str:
        spec = self.run.deployment.sdl.services[service]
        if number < _HEAD_LINES:
            names = [entry.partition("=")[0] for entry in spec.get("env") or []]
            words = [*(spec.get("command") or []), *(spec.get("args") or [])]
            return (
                f"[emulated] starting {service} of {self.run.deployment.label} image={spec['image']}",
                f"[emulated] args={' '.join(words)}",
                f"[emulated] env={','.join(names)}",
            )[number]
        step = number - _HEAD_LINES + 1
        kind = "ERROR retrying shard" if step % 50 == 0 else "INFO working"
        return f"[{step * _LINE_EVERY_S:9.1f}s] {kind} step={step} image={spec['image']}"


@dataclass(frozen=True)
class EventFeed:
    """The events of the pods, from scheduling to the start or to what keeps them from it."""

    run: Run

    def count(self, now: datetime) -> int:
        return sum(1 for at, _ in self._events() if at <= now)

    def line(self, number: int) -> str:
        return json.dumps(self._events()[number][1])

    def over(self, now: datetime) -> bool:
        return self.run.over(now)

    def _events(self) -> list[tuple[datetime, Mapping[str, Any]]]:
        return sorted(
            (event for service in self.run.services for event in self._of(service)), key=lambda e: e[0]
        )

    def _of(self, service: str) -> list[tuple[datetime, Mapping[str, Any]]]:
        containers, image = self.run.containers, self.run.deployment.sdl.services[service]["image"]
        start, ready = containers.started_at, containers.ready_at
        shortly = timedelta(seconds=1 / self.run.speed)
        story = [
            (start, "Scheduled", "Successfully assigned pod"),
            (start, "Pulling", f'Pulling image "{image}"'),
        ]
        if containers.trouble == "Failed":
            story.append((start + shortly, "Failed", f'Failed to pull image "{image}": not found'))
        if ready is not None:
            story.append((ready, "Pulled", f'Successfully pulled image "{image}"'))
            story.append((ready, "Started", f"Started container {service}"))
        if containers.trouble == "BackOff":
            since = containers.ends_at or start + shortly
            story.append((since, "BackOff", f"Back-off restarting failed container {service}"))
        return [(at, self._event(service, reason, note)) for at, reason, note in story]

    def _event(self, service: str, reason: str, note: str) -> Mapping[str, Any]:
        pod = {
            "kind": "Pod",
            "namespace": self.run.deployment.id,
            "name": view.pod(self.run.deployment, service),
        }
        kind = "Warning" if reason in {"Failed", "BackOff"} else "Normal"
        return {"type": kind, "reason": reason, "note": note, "object": pod, "reportingController": "kubelet"}


class Stream:
    """A feed as a conversation: the last lines, then, if it follows, each new one."""

    def __init__(self, feed: Feed, *, follow: bool, tail: int, now: datetime) -> None:
        self._feed = feed
        self._follow = follow
        count = feed.count(now)
        wanted = _MOST_LINES if tail < 0 else min(tail, _MOST_LINES)
        self._next = max(0, count - wanted)

    def due(self, now: datetime) -> Words:
        count = self._feed.count(now)
        words: list[Frame | HangUp] = [Frame(self._feed.line(number)) for number in range(self._next, count)]
        self._next = max(count, self._next)
        if not self._follow or self._feed.over(now):
            words.append(HangUp())
        return words

    def heard(self, _: str, __: datetime) -> Words:
        """A gateway does not listen to whoever reads logs."""
        return ()


class Silence:
    """A conversation that ends before it began: no such lease, no running pods."""

    def __init__(self, code: int, reason: str) -> None:
        self._end = HangUp(code, reason)

    def due(self, _: datetime) -> Words:
        return (self._end,)

    def heard(self, _: str, __: datetime) -> Words:
        return ()


def opened(feed: Feed, *, follow: bool, tail: int, now: datetime) -> Stream | Silence:
    """The stream of a feed; logs of pods that do not run cannot be read."""
    if isinstance(feed, LogFeed) and (feed.count(now) == 0 or feed.over(now)):
        return Silence(_NO_PODS, "no running pods")
    return Stream(feed, follow=follow, tail=tail, now=now)
