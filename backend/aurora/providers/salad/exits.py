"""Containers that ended by themselves: only a group's events say it.

The platform relaunches a container after every exit, whatever `restart_policy` says, and bills on [2nd, measured July
2026]. So the first exit is taken as the end of the workload, as it is on every other market, and the group is deleted.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from aurora.domain.clock import Clock
from aurora.domain.errors import ProviderError
from aurora.domain.instance import Instance, InstanceState
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard
from aurora.providers.fields import Fields
from aurora.providers.salad.client import SaladClient
from aurora.providers.salad.limits import ACCOUNT

LOOK_EVERY_S = 20.0
"""Between two looks at one group's events."""
MOST_LOOKS = 8
"""Groups looked at in one read of the list."""
_EXIT = re.compile(r"Instance Exited:\s*(.{0,120})")
_MOST_KNOWN = 10_000


class Exits:
    """Which groups' containers have ended. May be forgotten: a restart looks again."""

    def __init__(self, client: SaladClient, *, guard: CallGuard, clock: Clock) -> None:
        self._client = client
        self._guard = guard
        self._clock = clock
        self._ended: dict[str, str] = {}
        self._looked_at: dict[str, float] = {}

    async def told(self, seen: Instance) -> Instance:
        """The sighting, as ended where its events say so. What cannot be read changes nothing."""
        if self._is_due(seen):
            await self._look(seen.external_id)
        return self._judged(seen)

    async def told_all(self, seen: Iterable[Instance]) -> list[Instance]:
        """The same for a list: those not looked at for longest first, only some at a time."""
        found = list(seen)
        due = sorted(
            (each.external_id for each in found if self._is_due(each)),
            key=lambda name: self._looked_at.get(name, float("-inf")),
        )
        for name in due[:MOST_LOOKS]:
            await self._look(name)
        self._forget_but({each.external_id for each in found})
        return [self._judged(each) for each in found]

    def _is_due(self, seen: Instance) -> bool:
        """Only what runs, or has run, can have ended."""
        name = seen.external_id
        if seen.raw_state != "running" or name in self._ended:
            return False
        return self._clock.monotonic() - self._looked_at.get(name, float("-inf")) >= LOOK_EVERY_S

    async def _look(self, name: str) -> None:
        self._looked_at[name] = self._clock.monotonic()
        try:
            events = await self._guard.call(
                Operation.STATUS, lambda: self._client.events(name), endpoint=ACCOUNT
            )
        except ProviderError:
            return
        how = exit_of(events)
        if how is not None:
            self._ended[name] = how

    def _judged(self, seen: Instance) -> Instance:
        how = self._ended.get(seen.external_id)
        if how is None or seen.raw_state != "running":
            return seen
        return replace(seen, state=InstanceState.EXITED, message=f"the container exited: {how}", endpoints=())

    def _forget_but(self, present: set[str]) -> None:
        if len(self._looked_at) > _MOST_KNOWN:
            self._looked_at = {name: at for name, at in self._looked_at.items() if name in present}
            self._ended = {name: how for name, how in self._ended.items() if name in present}


def exit_of(events: Iterable[object]) -> str | None:
    """How the container ended (`0 (Exited Successfully)`), newest first; None while it has not."""
    for event in events:
        name = Fields(event if isinstance(event, dict) else {}).text("event_name", limit=200)
        found = _EXIT.match(name or "")
        if found is not None:
            return found[1].strip() or "unknown code"
    return None
