"""An emulated account: its jobs, its money, and the passing of time.

Time passes when somebody looks: `advance` replays everything that was due since the last look in its true order, so that
bills are exact however seldom anyone calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from aurora.emulators.jobs.job import ENDED, ON_NODE, Job, Order, Phase, Reason, Step
from aurora.emulators.jobs.life import Life, Pace
from aurora.emulators.jobs.stock import Sku, Stock
from aurora.emulators.marketplace import LedgerRow, World
from aurora.emulators.meter import ZERO, Rate

_MICROSECONDS_PER_HOUR = 3_600_000_000
_NO_FUNDS = Reason("insufficient_funds", "the balance is used up")
_NO_NODE = Reason("no_capacity", "no node was found in time")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How an account of a market works. `queues`: jobs that find nothing free wait for it. `prepaid`: they end with the money."""

    market: str
    id_prefix: str
    pace: Pace
    queues: bool = False
    prepaid: bool = True
    bills_from_creation: bool = False


class Estate:
    def __init__(self, world: World, terms: Terms, skus: Sequence[Sku]) -> None:
        self._faults = world.faults
        self._clock = world.clock
        self._granted = world.options.credit_usd
        self._life = Life(f"{world.options.seed}:{terms.market}", terms.pace, world.options.state_speed)
        self._jobs: dict[str, Job] = {}
        self._closed_usd = ZERO  # of jobs that have ended
        self._live: dict[str, Job] = {}
        self._at = world.clock.now()
        self.terms = terms
        self.stock = Stock(skus)

    @property
    def now(self) -> datetime:
        """The instant advanced to."""
        return self._at

    def advance(self, now: datetime) -> None:
        """Let everything happen that was due until now."""
        while (due := self._next_due(now)) is not None:
            at, job = due
            self._at = max(self._at, at)
            if job is None:
                self._run_dry()
            else:
                self._happen(job, job.agenda.pop(0))
        self._at = max(self._at, now)

    def balance(self) -> Decimal:
        """Money left, at the instant advanced to."""
        return self._granted - self._closed_usd - sum((j.billed(self._at) for j in self._live.values()), ZERO)

    def burn(self) -> Decimal:
        """USD per hour at this instant."""
        return sum((job.meter.rate.total for job in self._live.values()), ZERO)

    def every(self) -> Sequence[Job]:
        """All jobs ever, the oldest first."""
        return list(self._jobs.values())

    def find(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def create(self, sku: Sku, order: Order, rate: Rate, job_id: str | None = None) -> Job:
        """Start a job at `rate` (what a fault makes of it). Without a free unit it waits, if the market lets jobs wait."""
        number = len(self._jobs) + 1
        factor = self._faults.take("charge_factor")
        job = Job(
            id=job_id or f"{self.terms.id_prefix}{number:06d}",
            number=number,
            sku=sku,
            order=order,
            created_at=self._at,
            rate=rate.times(Decimal(str(factor["k"]))) if factor else rate,
            bills_from_creation=self.terms.bills_from_creation,
            never_starts=self._faults.take("never_starts") is not None,
            start_failure=self._faults.take("start_failure") is not None,
        )
        self._jobs[job.id] = self._live[job.id] = job
        self._launch(job)
        self.advance(self._at)
        return job

    def stop(self, job: Job, reason: Reason) -> None:
        """Nothing for a job that has ended or is about to."""
        if job.ended or job.phase in {Phase.STOPPING, Phase.FAILING}:
            return
        job.plan(self._life.stop(job, self._at, reason))
        self.advance(self._at)

    def befall(self, job: Job, step: Step) -> None:
        """Let something happen to a job at once."""
        job.plan(())
        self._happen(job, step)
        self.advance(self._at)

    def ledger(self) -> Sequence[LedgerRow]:
        self.advance(self._clock.now())
        return [self._row(job) for job in self._jobs.values()]

    def _launch(self, job: Job) -> None:
        if self.stock.free(job.sku):
            self.stock.hold(job.sku, job.id)
            job.plan(self._life.launch(job, self._at))
        else:
            limit = timedelta(seconds=job.order.queue_s or 0)
            job.plan([Step(self._at + limit, Phase.FAILED, _NO_NODE)] if job.order.queue_s else ())

    def _happen(self, job: Job, step: Step) -> None:
        if step.phase is Phase.STOPPING and job.phase is not Phase.STOPPING and not job.agenda:
            reason = step.reason or _NO_NODE
            begin, *rest = self._life.stop(job, step.at, reason)
            self._enter(job, begin)
            job.plan(rest)
        elif step.phase is Phase.FAILED and job.phase is not Phase.FAILING:
            self._fail(job, step)
        else:
            self._enter(job, step)

    def _fail(self, job: Job, step: Step) -> None:
        """Once more from the queue where the order wants that; a node is lost only by a job that had one."""
        if job.attempt <= job.order.restarts and job.phase in ON_NODE:
            self.stock.release(job.sku, job.id)
            self._enter(job, Step(step.at, Phase.QUEUED))
            job.attempt += 1
            self._launch(job)
            return
        begin, *rest = self._life.fail(job, step) if job.phase in ON_NODE else [step]
        self._enter(job, begin)
        job.plan(rest)

    def _enter(self, job: Job, step: Step) -> None:
        job.enter(step)
        if step.phase is Phase.RUNNING:
            job.reachable_at = self._life.reachable_at(job, step.at)
        if step.phase in ENDED:
            job.plan(())
            del self._live[job.id]
            self._closed_usd += job.billed(step.at)
            self.stock.release(job.sku, job.id)
            self._start_waiting(job.sku)

    def _start_waiting(self, sku: Sku) -> None:
        """A unit became free: the oldest job that waits for it takes it."""
        for job in self._live.values():
            if job.sku is sku and self._waits(job) and self.stock.free(sku):
                self._launch(job)

    def _waits(self, job: Job) -> bool:
        return job.phase is Phase.QUEUED and all(step.reason is _NO_NODE for step in job.agenda)

    def _next_due(self, now: datetime) -> tuple[datetime, Job | None] | None:
        """The earliest thing that happens until now: a step of a job, or the end of the money (no job)."""
        steps = [
            (j.agenda[0].at, j.number, j) for j in self._live.values() if j.agenda and j.agenda[0].at <= now
        ]
        first = min(steps, key=lambda step: step[:2]) if steps else None
        dry = self._dry_at(now)
        if dry is not None and (first is None or dry <= first[0]):
            return dry, None
        return (first[0], first[2]) if first else None

    def _dry_at(self, now: datetime) -> datetime | None:
        """When the money ends at the present rates, if that is until now."""
        rate = self.burn()
        if not self.terms.prepaid or not rate:
            return None
        left = max(self.balance(), ZERO)
        at = self._at + timedelta(microseconds=int(left / rate * _MICROSECONDS_PER_HOUR))
        return at if at <= now else None

    def _run_dry(self) -> None:
        for job in list(self._live.values()):
            job.plan(())
            self._enter(job, Step(self._at, Phase.FAILED, _NO_FUNDS))

    def _row(self, job: Job) -> LedgerRow:
        return LedgerRow(
            id=job.id,
            label=job.order.name,
            state=str(job.phase),
            started_at=job.created_at,
            running_at=job.started_at,
            stopped_at=job.finished_at,
            usd_per_hour=job.rate.total,
            usd_billed=job.billed(self._at),
        )
