"""What lets others see Aurora from outside: traces, the alerts' webhook, the database's figures."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

import structlog

from aurora.db.database import Database
from aurora.domain.clock import Clock
from aurora.domain.errors import AuroraError
from aurora.replicas.base import HEALTH, SWEEP
from aurora.resilience.events import Hooks
from aurora.services.alert_message import Origin
from aurora.services.alert_outbox import AlertOutbox, OutboxParts
from aurora.services.alerts import ORPHAN_FOUND, AlertBook, Alerts, Transition
from aurora.services.attempt_figures import AttemptFigures
from aurora.settings import Settings, SettingsError
from aurora.telemetry.database import DatabaseWatch, trace_statements
from aurora.telemetry.loop_lag import watch_loop
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.outages import Outages
from aurora.telemetry.trace_hooks import TraceHook
from aurora.telemetry.tracing import NullTracer, Tracer
from aurora.telemetry.webhook import Webhook

_JUDGE_S = 2.0
NO_EXTRA = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry's SDK is not installed: no traces are sent. "
    "Install the extra: pip install 'aurora-gpu[otel]'"
)


def tracer_of(settings: Settings, outages: Outages, *, version: str) -> Tracer:
    """The one that the settings ask for. Without the extra: none, and a line that says so."""
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        return NullTracer()
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError("OTEL_EXPORTER_OTLP_ENDPOINT: must be an address such as http://127.0.0.1:4318")
    try:
        otel = import_module("aurora.telemetry.otel")
    except ImportError:
        structlog.get_logger("aurora.tracing").warning("no_traces", reason=NO_EXTRA)
        return NullTracer()
    resource = {
        "service.name": "aurora",
        "service.version": version,
        "aurora.mode": settings.aurora_mode.value,
    }
    found: Tracer = otel.connect(endpoint, resource=resource, report=outages)
    return found


def traced_steps(
    tracer: Tracer, deadline: Callable[[float], AbstractContextManager[object]]
) -> Callable[[float], AbstractContextManager[object]]:
    """The reconciler's deadline, within a span that the step's calls belong to."""
    if not tracer.enabled:
        return deadline

    @contextmanager
    def step(seconds: float) -> Iterator[None]:
        task = asyncio.current_task()
        with tracer.span(task.get_name() if task else "reconcile"), deadline(seconds):
            yield

    return step


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at."""

    settings: Settings
    database: Database
    metrics: Metrics
    outages: Outages
    hooks: Hooks
    clock: Clock
    tracer: Tracer
    book: AlertBook
    alerts: Alerts
    attempts: AttemptFigures
    installation: str


class Observability:
    """Built with Aurora, run by `aurora serve`, closed with Aurora. Raises SettingsError for a wrong address."""

    def __init__(self, watched: Watched, *, holds: Callable[[str], bool] = lambda _: True) -> None:
        """`holds`: is this duty of several replicas ours? Whoever has it tells the webhook what it sees by it."""
        self._watched = watched
        self._working = False
        self._holds = holds
        tracer = watched.tracer
        watched.database.watch_with(DatabaseWatch(watched.metrics, tracer, clock=watched.clock))
        if tracer.enabled:
            watched.hooks.add(TraceHook(tracer))
            for one in watched.database.engines:
                trace_statements(one, tracer, clock=watched.clock)
            watched.database.statements_are_watched()
        self._webhook = _webhook(watched.settings, watched.clock)
        self._outbox = None if self._webhook is None else self._made_outbox(self._webhook)
        if self._outbox is not None:
            watched.book.listen(self._outbox)

    async def run(self, *, working: bool) -> None:
        """Until cancelled. `working`: this process has the worker's loops, which judge the alerts; it sends them.

        A process that only serves the API judges them for its own answers and tells nobody.
        """
        self._working = working
        if not working:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._judge(), name="judge alerts")
                group.create_task(
                    watch_loop(self._watched.clock, self._watched.metrics.loop_lag), name="loop lag"
                )
        elif self._outbox is not None:
            await self._outbox.run()
        else:
            await asyncio.Event().wait()

    async def aclose(self) -> None:
        """Send the last spans, close the webhook's session."""
        if self._webhook is not None:
            await self._webhook.aclose()
        if self._watched.tracer.enabled:
            await asyncio.to_thread(self._watched.tracer.close)

    def _made_outbox(self, webhook: Webhook) -> AlertOutbox:
        watched = self._watched
        return AlertOutbox(
            OutboxParts(
                send=webhook.send,
                origin=Origin(watched.installation, watched.settings.aurora_mode.value),
                clock=watched.clock,
                watch=watched.metrics,
                report=watched.outages,
                rng=random.Random(),
                may_send=self._may_send,
            )
        )

    def _may_send(self, transition: Transition) -> bool:
        """Orphans are known to the replica that sweeps; everything else is judged by all and told by one."""
        return self._working and self._holds(SWEEP if transition.name == ORPHAN_FOUND else HEALTH)

    async def _judge(self) -> NoReturn:
        watched = self._watched
        while True:
            watched.alerts.evaluate()
            try:
                await watched.attempts.refresh()
                watched.outages.succeeded("alert figures")
            except AuroraError as exc:
                watched.outages.failed("alert figures", exc)
            await watched.clock.sleep(_JUDGE_S)


def _webhook(settings: Settings, clock: Clock) -> Webhook | None:
    if settings.alert_webhook_url is None:
        return None
    secret = settings.alert_webhook_secret
    try:
        return Webhook(
            settings.alert_webhook_url.get_secret_value(),
            secret=None if secret is None else secret.get_secret_value(),
            clock=clock,
        )
    except ValueError as exc:
        raise SettingsError(f"ALERT_WEBHOOK_URL: {exc}") from None
