"""What reconciler and sweep report becomes metrics and log lines. Fits their `Report`, `SweepReport`, `Watchers`."""

from collections import OrderedDict
from datetime import datetime
from typing import Protocol

import structlog

from aurora.domain.clock import Clock
from aurora.domain.deployment import AttemptState
from aurora.domain.errors import ProviderError
from aurora.domain.records import Attempt, DeploymentView
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.outages import Log, Outages

_REMEMBERED = 10_000
"""Ended attempts that are remembered, so that each is counted once."""


class OrphanLike(Protocol):
    """An instance with our prefix that no record knows."""

    @property
    def provider(self) -> str: ...

    @property
    def external_id(self) -> str: ...

    @property
    def name(self) -> str: ...


class OutcomeLike(Protocol):
    """What is known of one launch."""

    @property
    def provider(self) -> str: ...

    @property
    def kind(self) -> str: ...


class LifecycleHook:
    """Never raises; says once what repeats."""

    def __init__(self, metrics: Metrics, outages: Outages, *, clock: Clock, log: Log | None = None) -> None:
        self._metrics = metrics
        self._outages = outages
        self._since: datetime = clock.now()
        self._log: Log = log or structlog.get_logger("aurora.lifecycle")
        self._counted: OrderedDict[tuple[str, int], None] = OrderedDict()

    def stepped(self, deployment_id: str, *, seconds: float) -> None:
        self._metrics.stepped(outcome="ok", seconds=seconds)
        self._outages.succeeded(f"step {deployment_id}", deployment=deployment_id)

    def step_failed(self, deployment_id: str, error: BaseException) -> None:
        self._metrics.stepped(outcome="failed", seconds=0.0)
        self._outages.failed(f"step {deployment_id}", error, deployment=deployment_id)

    def pass_failed(self, error: BaseException) -> None:
        self._outages.failed("reconciler", error)

    def pass_recovered(self) -> None:
        self._outages.succeeded("reconciler")

    def deployment_changed(self, view: DeploymentView) -> None:
        """Count the attempts that ended; those that ended before this process began were counted by another."""
        for attempt in view.attempts:
            if attempt.state is AttemptState.ENDED and self._is_news(attempt):
                self._metrics.attempt_ended(attempt.provider, attempt.end_reason or "unknown")

    def outcome(self, outcome: OutcomeLike) -> None:
        self._metrics.launch_outcome(outcome.provider, outcome.kind)

    def orphan_found(self, orphan: OrphanLike) -> None:
        self._metrics.orphan_found(orphan.provider)
        self._log.warning("orphan_found", **_orphan(orphan))

    def orphan_killed(self, orphan: OrphanLike) -> None:
        self._metrics.orphan_resolved(orphan.provider, "killed")
        self._log.warning("orphan_killed", **_orphan(orphan))

    def orphan_gone(self, orphan: OrphanLike) -> None:
        self._metrics.orphan_resolved(orphan.provider, "gone")
        self._log.info("orphan_gone", **_orphan(orphan))

    def kill_braked(self, orphan: OrphanLike, reason: str) -> None:
        self._outages.failed(f"orphan kills {orphan.provider}", reason, **_orphan(orphan))

    def reopened(self, attempt: Attempt) -> None:
        self._counted.pop((attempt.deployment_id, attempt.number), None)
        self._metrics.orphan_resolved(attempt.provider, "adopted")
        self._log.warning("instance_still_there", provider=attempt.provider, deployment=attempt.deployment_id)

    def sweep_failed(self, provider: str, error: ProviderError) -> None:
        self._outages.failed(f"sweep {provider}", error, provider=provider)

    def swept(self, provider: str, *, ours: int) -> None:
        self._outages.succeeded(f"sweep {provider}", provider=provider, ours=ours)

    def _is_news(self, attempt: Attempt) -> bool:
        if attempt.ended_at is None or attempt.ended_at < self._since:
            return False
        key = (attempt.deployment_id, attempt.number)
        if key in self._counted:
            return False
        self._counted[key] = None
        if len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
        return True


def _orphan(orphan: OrphanLike) -> dict[str, str]:
    return {"provider": orphan.provider, "instance": orphan.external_id, "instance_name": orphan.name}
