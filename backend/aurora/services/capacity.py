"""Capacity that is spoken for: an overlay over the catalogue, kept in memory and in `capacity_holds`."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from aurora.db.repositories.holds import Hold
from aurora.domain.offer import Offer

Name = TypeVar("Name")
_REMEMBERED = 4096
"""Changes that `since` can tell; who is further behind looks at everything."""
_COMMITTED_BY = timedelta(seconds=10)
"""A hold that is younger may be of a transaction that has not ended."""


class CapacityOverlay:
    """Launches held per offer. Changes happen without an await, so no two decisions get the same machine."""

    def __init__(self) -> None:
        self._attempts: dict[tuple[str, int], Hold] = {}
        self._refusals: dict[str, Hold] = {}
        self._on_offer: dict[str, dict[object, Hold]] = {}
        self._on_resource: dict[tuple[str, str], dict[object, Hold]] = {}
        self._learned: dict[tuple[str, int] | str, int] = {}
        """Under which version each hold of another replica became known."""
        self._changes: deque[Hold] = deque(maxlen=_REMEMBERED)
        self._version = 0

    @property
    def version(self) -> int:
        """Changes with every hold and release: a snapshot built under another version is old."""
        return self._version

    def since(self, version: int) -> Sequence[Hold] | None:
        """The holds taken, changed or released after `version`; None when that is not known any more."""
        behind = self._version - version
        if behind > len(self._changes):
            return None
        return [self._changes[-place] for place in range(behind, 0, -1)]

    def on(self, offer: Offer) -> Iterable[Hold]:
        """The holds on this offer, or on a machine that it shares."""
        return self._on(offer.provider, offer.id, offer.resources)

    def _on(self, provider: str, offer_id: str, resources: Iterable[str]) -> Iterable[Hold]:
        own = self._on_offer.get(offer_id)
        shared = [
            held
            for resource in resources
            if (held := self._on_resource.get((provider, resource))) is not None
        ]
        if not shared:
            return () if own is None else own.values()
        found = dict(own or {})
        for held in shared:
            found.update(held)
        return found.values()

    def load(self, holds: Iterable[Hold]) -> None:
        """Replace everything by what the database has."""
        for known in (self._attempts, self._refusals, self._on_offer, self._on_resource, self._learned):
            known.clear()
        for hold in holds:
            self._put(hold)
        self._changes.clear()
        self._version += 1

    def take(self, hold: Hold) -> None:
        """Hold one launch from now on."""
        self._put(hold)

    def _put(self, hold: Hold) -> None:
        if hold.deployment_id is not None and hold.attempt is not None:
            attempt = (hold.deployment_id, hold.attempt)
            self._drop(self._attempts.pop(attempt, None), attempt)
            self._attempts[attempt] = hold
            self._index(hold, attempt)
        else:
            self._drop(self._refusals.pop(hold.offer_id, None), hold.offer_id)
            self._refusals[hold.offer_id] = hold
            self._index(hold, hold.offer_id)

    def _index(self, hold: Hold, key: object) -> None:
        self._on_offer.setdefault(hold.offer_id, {})[key] = hold
        for resource in hold.resources:
            self._on_resource.setdefault((hold.provider, resource), {})[key] = hold
        self._changed(hold)

    def _drop(self, hold: Hold | None, key: object) -> None:
        """Out of the indexes."""
        if hold is None:
            return
        _discard(self._on_offer, hold.offer_id, key)
        for resource in hold.resources:
            _discard(self._on_resource, (hold.provider, resource), key)
        self._changed(hold)

    def _changed(self, hold: Hold) -> None:
        self._changes.append(hold)
        self._version += 1

    def release(self, deployment_id: str, attempt: int) -> None:
        """The attempt's end is confirmed, or it was never committed."""
        self._forget((deployment_id, attempt))

    def _forget(self, key: "tuple[str, int] | str") -> None:
        hold = self._refusals.pop(key, None) if isinstance(key, str) else self._attempts.pop(key, None)
        self._drop(hold, key)
        self._learned.pop(key, None)

    def held(self, hold: Hold) -> bool:
        """Is this attempt's hold, or this refusal, present?"""
        if hold.deployment_id is None or hold.attempt is None:
            return hold.offer_id in self._refusals
        return (hold.deployment_id, hold.attempt) in self._attempts

    def _has(self, hold: Hold) -> bool:
        """Exactly as it is?"""
        key = hold.key
        return (self._refusals.get(key) if isinstance(key, str) else self._attempts.get(key)) == hold

    def knowledge(self) -> "Knowledge":
        """What a decision made now knows of; asked later, when others may have been learned."""
        return Knowledge(self, self._version)

    def learned_at(self, hold: Hold) -> int:
        """Under which version this hold of another replica became known; of our own -1."""
        return self._learned.get(hold.key, -1)

    def beside(self, hold: Hold) -> Iterable[Hold]:
        """The holds on the same offer, or on a machine that it shares."""
        return self._on(hold.provider, hold.offer_id, hold.resources)

    def learn(self, unknown: Iterable[Hold]) -> None:
        """Holds of other replicas."""
        for hold in unknown:
            if not self.held(hold):
                self._put(hold)
                self._learned[hold.key] = self._version

    def follow(
        self, holds: Iterable[Hold], *, read_at: datetime, changed: Iterable[Hold] | None = None
    ) -> bool:
        """Be as the database was at `read_at`. What was taken lately, and may not be committed yet, stays.

        `changed`: of `holds` those that are others than at the reading before; None: any may be. True when nothing
        stayed that the database did not have.
        """
        there = {hold.key: hold for hold in holds}
        young = read_at - _COMMITTED_BY
        certain = True
        for attempt, held in list(self._attempts.items()):
            if attempt in there:
                continue
            if held.held_at >= young:
                certain = False
            else:
                self._forget(attempt)
        for offer_id in self._refusals.keys() - there.keys():
            self._forget(offer_id)
        self.learn(there.values())
        for hold in there.values() if changed is None else changed:
            if not self._has(hold):
                self._put(hold)
        return certain

    def launched(self, deployment_id: str, attempt: int, at: datetime) -> None:
        """The launch is confirmed: a catalogue read that begins later shows it by itself."""
        from_before = self._attempts.get((deployment_id, attempt))
        if from_before is not None and from_before.launched_at is None:
            self._put(replace(from_before, launched_at=at))

    def expire(self, now: datetime) -> None:
        """Drop the refusals whose time is over."""
        over = [
            key
            for key, hold in self._refusals.items()
            if hold.expires_at is not None and hold.expires_at <= now
        ]
        for key in over:
            self._forget(key)

    def present(self, now: datetime) -> tuple[Hold, ...]:
        """All holds that count at `now`."""
        self.expire(now)
        return (*self._attempts.values(), *self._refusals.values())


class Knowledge:
    """Of which holds a decision knew: those that are still there, and were known by then.

    Our own decisions come one after the other, each with those before it in view: what is ours is known.
    """

    def __init__(self, overlay: CapacityOverlay, version: int) -> None:
        self._overlay = overlay
        self._version = version

    def __call__(self, hold: Hold) -> bool:
        return self._overlay.held(hold) and self._overlay.learned_at(hold) <= self._version

    def beside(self, hold: Hold) -> Iterable[tuple[Hold, bool]]:
        """All that is held now where this hold is, and whether it was known."""
        return ((one, self(one)) for one in self._overlay.beside(hold))


def _discard(index: dict[Name, dict[object, Hold]], name: Name, key: object) -> None:
    known = index.get(name)
    if known is not None:
        known.pop(key, None)
        if not known:
            del index[name]
