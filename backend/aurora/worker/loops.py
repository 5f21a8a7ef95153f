"""Everything that happens by itself, under one TaskGroup: a bug in one loop ends the process, loudly."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

from aurora.bootstrap import Aurora
from aurora.bootstrap.policies import sync_interval
from aurora.db.repositories import holds, idempotency
from aurora.domain.clock import Clock
from aurora.domain.errors import AuroraError
from aurora.replicas.base import HEALTH, SWEEP
from aurora.services.sync_schedule import SyncSchedule
from aurora.telemetry.loop_lag import watch_loop

_TICK_S = 2.0
_CHECK_S = 20.0
"""A fault shows within a minute, also where nothing else is asked: this and one time-out of 30 s."""
_SCORES_S = 2.0
_REST_S = 0.02
"""Between two portions of work on the whole market: it takes a tenth of the loop's time, for some seconds."""
_RESTS = 5
"""So many while requests wait to be answered, and no more: the market must not grow old under load."""
_FIGURES_S = 10.0
"""The market's figures for a scraper, who comes every 15 s: a walk over all offers."""
_EMULATOR_S = 30.0
_UNKNOWN_EMULATOR_S = 2.0


class Report(Protocol):
    """Told of a job's failure and recovery; says it once."""

    def failed(self, name: str, error: BaseException | str) -> None: ...

    def succeeded(self, name: str) -> None: ...


async def every(
    seconds: float, job: Callable[[], Awaitable[object]], *, name: str, clock: Clock, report: Report
) -> NoReturn:
    """Run `job`, wait, for ever. Expected errors are reported; a bug is not caught."""
    while True:
        try:
            await job()
            report.succeeded(name)
        except AuroraError as exc:
            report.failed(name, exc)
        await clock.sleep(seconds)


class _SyncReporter:
    """Sync failures and recoveries, said once."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def failed(self, provider: str, reason: str) -> None:
        self._report.failed(f"sync {provider}", reason)

    def recovered(self, provider: str) -> None:
        self._report.succeeded(f"sync {provider}")


async def work(aurora: Aurora) -> None:
    """All loops, until cancelled or one of them breaks."""
    clock, report = aurora.clock, aurora.outages
    schedule = SyncSchedule(
        aurora.replicas.sync,
        {name: sync_interval(aurora.settings, name) for name in aurora.registry.names()},
        clock=clock,
        rng=random.Random(),
        reporter=_SyncReporter(report),
        leads=aurora.replicas.may_sync,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(schedule.run(), name="sync")
        group.create_task(aurora.reconciler.run(), name="reconcile")
        group.create_task(watch_loop(clock, aurora.metrics.loop_lag), name="loop lag")
        group.create_task(
            every(
                aurora.settings.sweep_interval,
                lambda: _sweep(aurora),
                name="sweep",
                clock=clock,
                report=report,
            ),
            name="sweep",
        )
        group.create_task(
            every(_TICK_S, lambda: _look_after(aurora), name="health", clock=clock, report=report),
            name="health",
        )
        group.create_task(
            every(_CHECK_S, lambda: _check(aurora), name="check", clock=clock, report=report), name="check"
        )
        group.create_task(follow(aurora), name="follow")


async def follow(aurora: Aurora) -> None:
    """What every role keeps up with: the other replicas, and emulators that change their limits."""
    async with asyncio.TaskGroup() as group:
        group.create_task(aurora.replicas.run(), name="replicas")
        if aurora.emulated:
            group.create_task(_follow_emulator(aurora), name="emulator")


async def rest(clock: Clock, pressed: Callable[[], bool]) -> None:
    """Between two portions of work that nobody waits for."""
    for _ in range(_RESTS):
        await clock.sleep(_REST_S)
        if not pressed():
            return


async def keep_fresh(aurora: Aurora) -> None:
    """What every role needs for its decisions and figures: the market as it is now."""
    clock, report = aurora.clock, aurora.outages

    async def between_portions() -> None:
        await rest(clock, lambda: aurora.routing.pressed)

    async with asyncio.TaskGroup() as group:
        group.create_task(
            every(
                _SCORES_S,
                lambda: aurora.market.refresh(between_portions),
                name="scores",
                clock=clock,
                report=report,
            ),
            name="scores",
        )
        group.create_task(
            every(_FIGURES_S, aurora.metrics.refresh, name="figures", clock=clock, report=report),
            name="figures",
        )


async def _sweep(aurora: Aurora) -> None:
    if not await aurora.replicas.has_duty(SWEEP):
        return
    async with aurora.database.write() as connection:
        await holds.drop_expired(connection, now=aurora.clock.now())
        await idempotency.drop_expired(connection, now=aurora.clock.now())
    if await aurora.sweep.run(aurora.markets.all()):
        aurora.reconciler.kick()


async def _check(aurora: Aurora) -> None:
    """One question to every market; what it comes to is on the health page, of the other replicas too."""
    if not await aurora.replicas.has_duty(HEALTH):
        return
    await asyncio.gather(*(aurora.desk.check(name) for name in aurora.registry.names()))


async def _look_after(aurora: Aurora) -> None:
    # Alerts first: they hold although the database is away, and the refresh then raises.
    aurora.alerts.evaluate()
    await aurora.attempts.refresh()
    if aurora.replicas.holds(HEALTH):
        await aurora.recorder.tick()


async def _follow_emulator(aurora: Aurora) -> NoReturn:
    """An emulator that starts later, or again with other limits, is noticed."""
    while True:
        known = await aurora.follow_emulator()
        await aurora.clock.sleep(_EMULATOR_S if known else _UNKNOWN_EMULATOR_S)
