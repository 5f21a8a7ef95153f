"""Reading the markets into the catalogue and the database."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.repositories import sync_runs as run_rows
from aurora.db.repositories.sync_runs import SyncedProvider
from aurora.domain.clock import Clock
from aurora.domain.errors import AuroraError
from aurora.domain.records import SyncReport
from aurora.providers.base import Provider
from aurora.services.catalogue import Catalogue
from aurora.services.slice_merge import SliceMerge
from aurora.services.slice_order import Interest
from aurora.services.slice_walk import PageReader
from aurora.services.sync_findings import Findings, SyncMemory, SyncPolicy
from aurora.services.sync_run import SyncRun
from aurora.services.sync_writer import SyncDuty, SyncWriter, Unshared


class Providers(Protocol):
    """The markets by name (`aurora.providers.registry.ProviderRegistry` fits)."""

    def get(self, name: str) -> Provider:
        """Raises NotFound, also for a disabled one."""
        ...

    def names(self) -> tuple[str, ...]:
        """The usable ones."""
        ...


Listener = Callable[[SyncReport], None]
"""Told of every run that has ended. Must not raise."""


@dataclass(slots=True)
class _Flight:
    """A run under way and how many wait for it."""

    task: asyncio.Task[SyncReport]
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that was begun. `first`: the database knows of none before, so it has no offers of this provider."""

    id: int
    first: bool


@dataclass(slots=True)
class _Course:
    """One provider's runs so far."""

    memory: SyncMemory = field(default_factory=SyncMemory)
    flight: _Flight | None = None
    latest: SyncReport | None = None


class OfferSync:
    """Syncs providers one by one or all at once. At most one run per provider at any time in this process.

    `policies` by provider name; the others get the defaults. `uncache(provider)` is called before a fresh run, so
    that it reads past the answers cached for others.
    """

    def __init__(
        self,
        providers: Providers,
        *,
        database: Database,
        catalogue: Catalogue,
        clock: Clock,
        policies: Mapping[str, SyncPolicy] | None = None,
        listener: Listener | None = None,
        uncache: Callable[[str], object] | None = None,
        interest: Interest | None = None,
    ) -> None:
        self._duty: SyncDuty = Unshared()
        self._providers = providers
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._policies = dict(policies or {})
        self._listener = listener
        self._uncache = uncache
        self._interest = interest or Interest(clock)
        self._courses: dict[str, _Course] = {}
        self._log = logging.getLogger("aurora.sync")

    def serve(self, duty: SyncDuty) -> None:
        """From now on read and write only when it is this process's turn."""
        self._duty = duty

    def read_with(self, readers: int) -> None:
        """From the next runs on, so many slices at a time (the market's limits became known)."""
        self._policies = {name: replace(policy, readers=readers) for name, policy in self._policies.items()}

    async def load(self) -> None:
        """At start: the catalogue and the latest reports from the database. Raises DatabaseUnavailable."""
        await self._catalogue.load(self._database)
        async with self._database.read() as connection:
            reports = await run_rows.latest_all(connection)
        for name, report in reports.items():
            unknown = self._catalogue.part(name).unknown_gpus
            self._course(name).latest = replace(report, unknown_gpus=unknown)

    def note_interest(self, name: str) -> None:
        """Somebody asks for this GPU family or slice: it is read first when time is short."""
        self._interest.note(name)

    def learn(self, report: SyncReport) -> None:
        """Another replica's run has ended."""
        self._course(report.provider).latest = report

    def latest(self, provider: str) -> SyncReport | None:
        """The report of the last run that has ended, by this process or a former one (after `load`)."""
        return self._course(provider).latest

    def latest_all(self) -> dict[str, SyncReport]:
        """The last report of each provider; empty before the first run."""
        return {name: course.latest for name, course in self._courses.items() if course.latest is not None}

    async def run_all(self, *, deadline_s: float | None = None, fresh: bool = True) -> dict[str, SyncReport]:
        """Sync every provider at once; none waits for another, and each has its report whatever happens."""
        names = self._providers.names()
        reports = await asyncio.gather(
            *(self.run(name, deadline_s=deadline_s, fresh=fresh) for name in names)
        )
        return dict(zip(names, reports, strict=True))

    async def run(self, provider: str, *, deadline_s: float | None = None, fresh: bool = True) -> SyncReport:
        """Sync one provider in at most `deadline_s` (default: its policy's); a run under way is joined.

        Raises NotFound for an unknown or disabled provider. Every other failure is in the report. The run goes
        on as long as anyone waits for it.
        """
        found = self._providers.get(provider)
        course = self._course(provider)
        # a task cancelled before its first step is done without ever having ended its flight
        if course.flight is None or course.flight.task.done():
            task = asyncio.create_task(self._fly(found, course, deadline_s=deadline_s, fresh=fresh))
            course.flight = _Flight(task)
        return await _joined(course.flight)

    async def _fly(
        self, provider: Provider, course: _Course, *, deadline_s: float | None, fresh: bool
    ) -> SyncReport:
        started, at = self._clock.monotonic(), self._clock.now()
        policy = self._policies.get(provider.name) or SyncPolicy()
        longest_s = policy.longest_run_s if deadline_s is None else deadline_s
        reader = PageReader(
            provider,
            self._clock,
            ends_at=started + longest_s,
            rule=policy.rule,
            ours=lambda: self._duty.ours(provider.name),
        )
        blank = SyncReport(provider=provider.name, started_at=at, seconds=0.0, outcome="failed")
        try:
            if fresh and self._uncache is not None:
                self._uncache(provider.name)
            fence = self._duty.fence(provider.name)
            writer = SyncWriter(provider.name, self._database, self._clock, fence)
            run = await self._begin(writer, at=at)
            findings = await self._execute(reader, writer, run, memory=course.memory, policy=policy)
            report = self._report(blank, findings, seconds=self._clock.monotonic() - started)
            await self._finish(writer, run.id, report)
        except AuroraError as exc:
            # the database is away: nothing is written, the catalogue keeps what it has
            report = replace(blank, seconds=self._clock.monotonic() - started, error=str(exc))
        except Exception as exc:  # noqa: BLE001 - a bug brought out by one market's data must not end the others
            self._log.exception("the sync of %s failed unexpectedly", provider.name)
            error = f"unexpected {type(exc).__name__}, see the log"
            report = replace(blank, seconds=self._clock.monotonic() - started, error=error)
        finally:
            course.flight = None
        course.latest = report
        if self._listener is not None:
            self._listener(report)
        return report

    async def _begin(self, writer: SyncWriter, *, at: datetime) -> _Run:
        """A new run. When another process ran last, what it wrote is loaded first."""
        provider = writer.provider

        async def begun(connection: AsyncConnection) -> tuple[int | None, int]:
            newest = (await run_rows.last_ids(connection, provider)).get(provider)
            return newest, await run_rows.begin(connection, provider, at=at)

        newest, run_id = await writer.write(begun)
        if newest != self._catalogue.last_run(provider):
            await self._catalogue.reload(self._database, provider)
        self._catalogue.note_run(provider, run_id)
        return _Run(run_id, first=newest is None)

    async def _execute(
        self,
        reader: PageReader,
        writer: SyncWriter,
        begun: _Run,
        *,
        memory: SyncMemory,
        policy: SyncPolicy,
    ) -> Findings:
        merge = SliceMerge(
            provider=reader.provider.name,
            run_id=begun.id,
            writer=writer,
            catalogue=self._catalogue,
            clock=self._clock,
            memory=memory,
            findings=Findings(),
            untouched=begun.first,
        )
        run = SyncRun(
            reader,
            merge,
            catalogue=self._catalogue,
            interest=self._interest,
            memory=memory,
            policy=policy,
        )
        return await run.execute()

    def _report(self, blank: SyncReport, findings: Findings, *, seconds: float) -> SyncReport:
        return replace(
            blank,
            seconds=seconds,
            outcome=findings.outcome,
            seen=len(findings.seen),
            new=len(findings.new),
            changed=len(findings.changed),
            gone=findings.gone,
            rejected=dict(sorted(findings.rejected.items())),
            completeness=self._catalogue.completeness(blank.provider),
            unknown_gpus=self._catalogue.part(blank.provider).unknown_gpus,
            error=findings.error,
        )

    async def _finish(self, writer: SyncWriter, run_id: int, report: SyncReport) -> None:
        now = self._clock.now()
        before = self._catalogue.last_line(report.provider)
        well = report.outcome in {"ok", "partial"}
        line = SyncedProvider(
            name=report.provider,
            last_sync_at=now,
            last_success_at=now if well else before.last_success_at if before is not None else None,
            last_error=report.error,
            completeness=report.completeness,
        )

        async def finished(connection: AsyncConnection) -> None:
            await run_rows.finish(connection, run_id, report)
            await run_rows.save_provider(connection, line, at=now)

        await writer.write(finished)
        self._catalogue.note_line(line)

    def _course(self, provider: str) -> _Course:
        return self._courses.setdefault(provider, _Course())


async def _joined(flight: _Flight) -> SyncReport:
    """The flight's report. When the last of those who wait is cancelled, the run is too, and has ended."""
    flight.waiting += 1
    try:
        return await asyncio.shield(flight.task)
    except asyncio.CancelledError:
        if flight.waiting == 1 and not flight.task.done():
            flight.task.cancel()
            await asyncio.wait([flight.task])
        raise
    finally:
        flight.waiting -= 1
