"""Capacity that is spoken for: an overlay over the catalogue, kept in memory and in `capacity_holds`."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from aurora.db.repositories.holds import Hold


class CapacityOverlay:
    """Launches held per offer. Changes happen without an await, so no two decisions get the same machine."""

    def __init__(self) -> None:
        self._attempts: dict[tuple[str, int], Hold] = {}
        self._refusals: dict[str, Hold] = {}
        self._version = 0

    @property
    def version(self) -> int:
        """Changes with every hold and release: a snapshot built under another version is old."""
        return self._version

    def load(self, holds: Iterable[Hold]) -> None:
        """Replace everything by what the database has."""
        self._attempts.clear()
        self._refusals.clear()
        for hold in holds:
            self._put(hold)
        self._version += 1

    def take(self, hold: Hold) -> None:
        """Hold one launch from now on."""
        self._put(hold)
        self._version += 1

    def _put(self, hold: Hold) -> None:
        if hold.deployment_id is not None and hold.attempt is not None:
            self._attempts[hold.deployment_id, hold.attempt] = hold
        else:
            self._refusals[hold.offer_id] = hold

    def release(self, deployment_id: str, attempt: int) -> None:
        """The attempt's end is confirmed, or it was never committed."""
        if self._attempts.pop((deployment_id, attempt), None) is not None:
            self._version += 1

    def held(self, hold: Hold) -> bool:
        """Is this attempt's hold present?"""
        return (hold.deployment_id or "", hold.attempt or 0) in self._attempts

    def launched(self, deployment_id: str, attempt: int, at: datetime) -> None:
        """The launch is confirmed: a catalogue read that begins later shows it by itself."""
        from_before = self._attempts.get((deployment_id, attempt))
        if from_before is not None and from_before.launched_at is None:
            self._attempts[deployment_id, attempt] = replace(from_before, launched_at=at)
            self._version += 1

    def present(self, now: datetime) -> tuple[Hold, ...]:
        """All holds that count at `now`; refusals whose time is over are dropped."""
        over = [
            key
            for key, hold in self._refusals.items()
            if hold.expires_at is not None and hold.expires_at <= now
        ]
        for key in over:
            del self._refusals[key]
            self._version += 1
        return (*self._attempts.values(), *self._refusals.values())
