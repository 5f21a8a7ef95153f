"""What steps want written and who wants work: many of them in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.bundle import Bundle
from aurora.db.repositories import claims, decisions, deployments, holds
from aurora.db.repositories.claims import Standing
from aurora.db.repositories.deployment_rows import (
    attempt_changes,
    attempt_row_of,
    changes,
    event_row_of,
)
from aurora.db.repositories.holds import CapacityTaken, Hold
from aurora.db.tables import attempts as attempt_rows
from aurora.db.tables import capacity_holds, decision_outcomes, deployment_events
from aurora.db.tables import decisions as decision_rows
from aurora.domain.deployment import EndReason
from aurora.domain.errors import AuroraError
from aurora.domain.records import DeploymentView
from aurora.lifecycle.work import Outcome, Work

_LIMITS = (EndReason.DURATION_REACHED.value, EndReason.BUDGET_REACHED.value)


class ClaimLost(AuroraError):
    """Another worker took the deployment over: what this step found is dropped."""

    code = "claim_lost"


@dataclass(frozen=True, slots=True)
class Page:
    """What one step found. `final`: nothing else is done under this claim before the page is written."""

    work: Work
    final: bool = False
    frees_until: datetime | None = None
    """The claim is given back, and the deployment is due then."""
    claimed_until: datetime | None = None
    """The claim is kept for so long."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A worker with its hands free."""

    claim: str
    now: datetime
    until: datetime
    limit: int


@dataclass(frozen=True, slots=True)
class Due:
    """What it may work on, and when the next will be due after that; None when nothing is."""

    views: tuple[DeploymentView, ...]
    next_due: datetime | None


Entry = Page | Ask
Written = Standing | Due


async def write(entries: Sequence[Entry], connection: AsyncConnection) -> list[Written | Exception]:
    """One result per entry. Pages come first, so that what they give back can be taken at once."""
    pages = [one for one in entries if isinstance(one, Page)]
    written = iter(await _write_pages(connection, pages)) if pages else iter(())
    return [next(written) if isinstance(one, Page) else await _take(connection, one) for one in entries]


async def _take(connection: AsyncConnection, ask: Ask) -> Due:
    views = await claims.take_due(connection, now=ask.now, until=ask.until, claim=ask.claim, limit=ask.limit)
    return Due(views, await claims.next_due(connection, now=ask.now))


async def _write_pages(
    connection: AsyncConnection, pages: Sequence[Page]
) -> list[Standing | ClaimLost | CapacityTaken]:
    """Machines are locked before deployments, in every transaction that locks both."""
    taken = await _taken(connection, pages)
    standing = await claims.standing(connection, [page.work.loaded for page in pages])
    verdicts = [_verdict(page, taken, standing.get(page.work.loaded.id)) for page in pages]
    good = [(page, found) for page, found in zip(pages, verdicts, strict=True) if isinstance(found, Standing)]
    await claims.write(connection, [(page.work.loaded, _columns(page, found)) for page, found in good])
    works = [page.work for page, _ in good]
    await claims.write_attempts(connection, chain.from_iterable(_attempts(work) for work in works))
    bundle = Bundle()
    for work in works:
        _put(bundle, work)
    await bundle.write(connection)
    await _write_rest(connection, works)
    return verdicts


async def _taken(connection: AsyncConnection, pages: Iterable[Page]) -> Sequence[Hold]:
    """What others hold of the machines that were chosen anew."""
    wanted = [
        hold for page in pages for hold in page.work.gathered.holds if _knew(page.work, hold) is not None
    ]
    return await holds.rivals(connection, wanted) if wanted else ()


def _knew(work: Work, hold: Hold) -> Any:
    return None if hold.attempt is None else work.gathered.knew.get(hold.attempt)


def _verdict(
    page: Page, taken: Sequence[Hold], found: Standing | None
) -> Standing | ClaimLost | CapacityTaken:
    work = page.work
    if found is None:
        return ClaimLost(work.deployment.id)
    limited = work.deployment.end_reason in _LIMITS and work.loaded.end_reason is None
    if page.final and limited and found.extended(work.loaded):
        # The limit that this step found reached was raised meanwhile: then nothing of it stands.
        return ClaimLost(work.deployment.id)
    for hold in work.gathered.holds:
        knew = _knew(work, hold)
        unknown = tuple(one for one in taken if knew is not None and one.touches(hold) and not knew(one))
        if unknown:
            return CapacityTaken(unknown)
    return found


def _columns(page: Page, found: Standing) -> dict[str, Any]:
    """A command that came meanwhile makes the deployment due at once; more time means another warning before its end."""
    work = page.work
    values = changes(work.written, work.deployment)
    if found.extended(work.loaded):
        values.pop("warned_at", None)
    if page.claimed_until is not None:
        values["claimed_until"] = page.claimed_until
    if page.frees_until is not None:
        values["due_at"] = due_at(page, found)
        values["claim"] = values["claimed_until"] = None
    return values


def due_at(page: Page, found: Standing) -> datetime | None:
    """When it must be looked at again; None when it has ended."""
    if page.work.deployment.status.ended:
        return None
    return page.work.now if found.commanded(page.work.loaded) else page.frees_until


def _attempts(work: Work) -> Iterable[tuple[tuple[str, int], dict[str, Any]]]:
    for number, before in work.attempts_written.items():
        after = work.attempts[number]
        if after is not before:
            yield (work.deployment.id, number), attempt_changes(before, after)


def _put(bundle: Bundle, work: Work) -> None:
    found = work.gathered
    bundle.add(decision_rows, *found.decisions)
    bundle.add(attempt_rows, *(attempt_row_of(work.attempts[number]) for number in sorted(found.added)))
    bundle.add(deployment_events, *(event_row_of(one) for one in found.events))
    bundle.add(decision_outcomes, *(_outcome_row(work, one) for one in found.outcomes))
    bundle.add(capacity_holds, *(holds.row_of(one) for one in found.holds))


def _outcome_row(work: Work, one: Outcome) -> dict[str, Any]:
    return decisions.outcome_row(
        decision_id=one.decision_id,
        attempt=one.attempt,
        kind=one.kind,
        provider=one.provider,
        host=one.host,
        t_known=work.now,
        ttr_s=one.ttr_s,
        latency_ms=one.latency_ms,
        cost_usd=one.cost_usd,
    )


async def _write_rest(connection: AsyncConnection, works: Sequence[Work]) -> None:
    launched = [(work.deployment.id, *one) for work in works for one in work.gathered.launched]
    released = [(work.deployment.id, one) for work in works for one in work.gathered.released]
    await holds.launched_all(connection, launched)
    await holds.release_all(connection, released)
    for work in works:
        for attempt, text in work.gathered.logs.items():
            await deployments.archive_logs(
                connection, work.deployment.id, attempt=attempt, at=work.now, text=text
            )
