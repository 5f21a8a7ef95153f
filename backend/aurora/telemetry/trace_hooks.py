"""What the guards tell becomes spans: nothing is added to a call's path but this listener."""

from aurora.resilience.events import (
    BreakerRefused,
    CacheHit,
    CallFinished,
    Event,
    RateLimitedLocally,
    Retried,
    StaleServed,
)
from aurora.telemetry.tracing import SpanKind, Tracer


class TraceHook:
    """A `Listener` of the guards: one span for each attempt that was sent, a note for what befell the call."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def __call__(self, event: Event) -> None:
        match event:
            case CallFinished():
                self._tracer.past(
                    f"{event.provider} {event.operation}",
                    seconds=event.ms / 1000,
                    kind=SpanKind.CLIENT,
                    attributes={
                        "aurora.provider": event.provider,
                        "aurora.operation": event.operation.value,
                        "aurora.endpoint": event.endpoint,
                        "aurora.outcome": event.outcome.value,
                    },
                    failed=event.code,
                )
            case Retried():
                self._tracer.note(
                    "retry", {"attempt": event.attempt, "delay_s": event.delay_s, "code": event.code}
                )
            case BreakerRefused():
                self._tracer.note("circuit open", {"retry_after_s": event.retry_after})
            case RateLimitedLocally():
                self._tracer.note("no token", {"retry_after_s": event.retry_after})
            case CacheHit():
                self._tracer.note("from the cache", {})
            case StaleServed():
                self._tracer.note("an old answer", {"age_s": event.age_s})
            case _:
                return
