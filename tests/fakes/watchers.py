"""Whoever is told of commits, and does nothing with it."""

from collections.abc import Iterable


class Deaf:
    """Fits `aurora.lifecycle.journal.Watchers`."""

    def deployment_changed(self, view: object) -> None: ...

    def outcome(self, outcome: object) -> None: ...

    def held(self, hold: object) -> None: ...

    def learned(self, unknown: Iterable[object]) -> None: ...

    def dropped(self, attempt: object) -> None: ...
