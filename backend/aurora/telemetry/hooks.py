"""Resilience events become metrics and log lines."""

from typing import Any

import structlog

from aurora.domain.health import BreakerState
from aurora.resilience.events import (
    BreakerChanged,
    BreakerRefused,
    CallFinished,
    CredentialChanged,
    Event,
    PauseEnded,
    PauseSet,
    Retried,
)
from aurora.resilience.verdict import Verdict
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.outages import Log, Outages


class ResilienceHook:
    """A `Listener` of the guards. Failing calls are told once when it begins and once when it ends.

    Cache and limiter figures are not counted here: they are mirrored from the guards' own counts.
    """

    def __init__(self, metrics: Metrics, outages: Outages, *, log: Log | None = None) -> None:
        self._metrics = metrics
        self._outages = outages
        self._log: Log = log or structlog.get_logger("aurora.resilience")

    def __call__(self, event: Event) -> None:
        match event:
            case CallFinished():
                self._call_finished(event)
            case Retried():
                self._metrics.retried(event.provider, event.operation)
            case BreakerChanged():
                self._breaker_changed(event)
            case BreakerRefused():
                self._metrics.breaker_refused(event.provider)
            case PauseSet() | PauseEnded():
                self._pause(event)
            case CredentialChanged():
                self._credential(event)
            case _:
                return

    def _call_finished(self, event: CallFinished) -> None:
        self._metrics.called(event.provider, event.operation, outcome=event.outcome, seconds=event.ms / 1000)
        if event.code is not None:
            self._metrics.call_error(event.provider, event.code)
        what = f"{event.provider} {event.operation}"
        if event.outcome is Verdict.FAIL:
            self._outages.failed(what, event.code or "failed", provider=event.provider)
        elif event.outcome is Verdict.OK:
            self._outages.succeeded(what, provider=event.provider)

    def _breaker_changed(self, event: BreakerChanged) -> None:
        fields: dict[str, Any] = {"provider": event.provider, "operation_class": event.operation_class.value}
        if event.new is BreakerState.OPEN:
            self._metrics.breaker_tripped(event.provider, event.operation_class)
            self._log.warning("breaker_opened", retry_after=event.retry_after, **fields)
        elif event.new is BreakerState.CLOSED:
            self._log.info("breaker_closed", **fields)
        else:
            self._log.info("breaker_half_open", **fields)

    def _pause(self, event: PauseSet | PauseEnded) -> None:
        fields: dict[str, Any] = {
            "provider": event.provider,
            "endpoint": event.endpoint,
            "dated": event.dated,
        }
        if isinstance(event, PauseSet):
            self._log.warning("provider_paused", until=event.until.isoformat(), reason=event.reason, **fields)
        else:
            self._log.info("provider_pause_ended", **fields)

    def _credential(self, event: CredentialChanged) -> None:
        if event.refused:
            self._log.warning("credential_refused", provider=event.provider, detail=event.detail)
        else:
            self._log.info("credential_accepted", provider=event.provider)
