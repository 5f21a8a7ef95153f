"""Deployments after they were asked for: look, list, end, extend, read logs."""

import base64
import binascii
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.repositories import audit
from aurora.db.repositories import deployments as rows
from aurora.domain.audit import AuditAction
from aurora.domain.clock import Clock
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.errors import Conflict, InstanceNotFound, InvalidRequest, NotFound
from aurora.domain.instance import LogLine
from aurora.domain.money import usd, usd_up
from aurora.domain.records import DeploymentEvent, DeploymentView
from aurora.providers.base import Provider
from aurora.services.audit import entry
from aurora.services.ports import Caller, Page
from aurora.services.tenant_book import AnySpender, Spenders

_MAX_PAGE = 200


class DeploymentDesk:
    """Commands are written and the reconciler is woken; nothing here talks to a provider but `logs`."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        provider: Callable[[str], Provider],
        kick: Callable[[], None],
        tenants: Spenders | None = None,
    ) -> None:
        self._tenants = tenants or AnySpender()
        self._database = database
        self._clock = clock
        self._provider = provider
        self._kick = kick

    async def get(self, deployment_id: str, *, caller: Caller) -> DeploymentView:
        """Raises NotFound for an unknown id and for another tenant's alike."""
        async with self._database.read() as connection:
            found = await rows.find(connection, deployment_id)
        return shown(_own(found, deployment_id, caller=caller))

    async def page(
        self,
        *,
        caller: Caller,
        status: str | None = None,
        provider: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Newest first. Raises InvalidRequest for an unknown status or a malformed cursor."""
        if status is not None and status not in {one.value for one in DeploymentStatus}:
            raise InvalidRequest("status", f"must be one of {', '.join(DeploymentStatus)}")
        limit = max(1, min(limit, _MAX_PAGE))
        async with self._database.read() as connection:
            found = await rows.page(
                connection,
                tenant=caller.tenant,
                status=status,
                provider=provider,
                before=None if cursor is None else _read_cursor(cursor),
                limit=limit + 1,
            )
        items = tuple(shown(one) for one in found[:limit])
        more = _write_cursor(items[-1]) if len(found) > limit else None
        return Page(items, more)

    async def terminate(self, deployment_id: str, *, caller: Caller) -> DeploymentView:
        """Ask for the end. Idempotent: an ended deployment is answered as it is."""
        now = self._clock.now()
        asked = DeploymentEvent(
            deployment_id,
            now,
            "terminate_requested",
            f"asked by {caller.actor}",
            data={"actor": caller.actor},
        )
        row = entry(caller, AuditAction.TERMINATE, at=now, target=deployment_id, status=202)

        async def told(connection: AsyncConnection) -> tuple[DeploymentView, bool]:
            view = _own(await rows.find(connection, deployment_id), deployment_id, caller=caller)
            wanted = await rows.want_terminated(connection, deployment_id, now=now)
            if wanted is None:
                return view, False
            await rows.add_events(connection, [asked])
            await audit.add(connection, row)
            return replace(view, deployment=wanted), True

        view, first = await self._database.transact(told, urgent=True)
        caller.trail.changed = first
        if not view.deployment.status.ended:
            caller.trail.written = first
            self._kick()
        return shown(view)

    async def extend(self, deployment_id: str, *, gpu_hours: Any, caller: Caller) -> DeploymentView:
        """Add GPU-hours, and their price at the ceiling x 1.2 to the cost limit. Ended or ending: Conflict."""
        hours = _hours(gpu_hours)
        view = await self.get(deployment_id, caller=caller)
        await self._tenants.may_spend(caller.tenant)
        request = view.deployment.request
        count = int(view.current.gpu_count if view.current else request["gpu_count"])
        seconds = float(hours / count * 3600)
        cost = usd_up(hours * Decimal(str(request["max_price"])) * Decimal("1.2"))
        now = self._clock.now()
        event = DeploymentEvent(
            deployment_id,
            now,
            "extended",
            f"{hours} GPU-hours more, asked by {caller.actor}",
            data={"gpu_hours": str(hours), "actor": caller.actor},
        )
        async with self._database.write() as connection:
            if not await rows.extend(connection, deployment_id, seconds=seconds, cost=cost, now=now):
                raise Conflict(f"{deployment_id} is ending or has ended", code="already_ending")
            await rows.add_events(connection, [event])
            row = entry(
                caller,
                AuditAction.EXTEND,
                at=now,
                target=deployment_id,
                status=200,
                data={"gpu_hours": str(hours)},
            )
            await audit.add(connection, row)
        caller.trail.written = True
        self._kick()
        return await self.get(deployment_id, caller=caller)

    async def events(self, deployment_id: str, *, caller: Caller) -> Sequence[DeploymentEvent]:
        """Oldest first."""
        await self.get(deployment_id, caller=caller)
        async with self._database.read() as connection:
            return await rows.events_of(connection, deployment_id)

    async def logs(
        self, deployment_id: str, *, caller: Caller, tail: int = 1000, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """Live lines of the current attempt; the archive once it is gone.

        Raises Conflict `logs_unsupported` where the market has none, `no_instance` before there is anything.
        """
        view = await self.get(deployment_id, caller=caller)
        attempt = view.current
        live = attempt is not None and attempt.ended_at is None and attempt.external_id is not None
        if attempt is None or not live or attempt.external_id is None:
            for line in await self._archived(deployment_id, tail=tail, ended=view.deployment.status.ended):
                yield line
            return
        provider = self._provider(attempt.provider)
        if not provider.capabilities.logs:
            raise Conflict(f"{attempt.provider} has no logs", code="logs_unsupported")
        given = False
        try:
            async for line in provider.logs(attempt.external_id, tail=tail, follow=follow):
                given = True
                yield line
        except InstanceNotFound:
            # It ended a moment before our record of it does: what was kept of its log is all there is.
            if not given:
                for line in await self._archived(deployment_id, tail=tail, ended=True):
                    yield line

    async def _archived(self, deployment_id: str, *, tail: int, ended: bool) -> list[LogLine]:
        async with self._database.read() as connection:
            text = await rows.archived_logs(connection, deployment_id)
        if text is None:
            if ended:
                return []
            raise Conflict("nothing has been started yet", code="no_instance", retry_after=2)
        return [LogLine(line) for line in text.split("\n")[-tail:]]


def _own(found: DeploymentView | None, deployment_id: str, *, caller: Caller) -> DeploymentView:
    """Another tenant's is as unknown as one that never was."""
    if found is None or found.deployment.tenant != caller.tenant:
        raise NotFound(f"no deployment {deployment_id}")
    return found


def shown(view: DeploymentView) -> DeploymentView:
    """As a person should see it: a deployment that was told to end is terminating from that moment on."""
    deployment = view.deployment
    if deployment.wanted == "terminated" and not deployment.status.ended:
        asked = replace(deployment, status=DeploymentStatus.TERMINATING, phase="destroying")
        return replace(view, deployment=asked)
    return view


def _hours(value: Any) -> Decimal:
    try:
        hours = usd(value)
    except (ValueError, InvalidOperation, TypeError) as exc:
        raise InvalidRequest("gpu_hours", "must be a number") from exc
    if not 0 < hours <= Decimal(100_000):
        raise InvalidRequest("gpu_hours", "must be above 0 and at most 100000")
    return hours


def _write_cursor(view: DeploymentView) -> str:
    deployment = view.deployment
    return base64.urlsafe_b64encode(f"{deployment.created_at.isoformat()}|{deployment.id}".encode()).decode()


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        at, _, one = base64.urlsafe_b64decode(text.encode()).decode().partition("|")
        moment = datetime.fromisoformat(at)
    except (ValueError, binascii.Error) as exc:
        raise InvalidRequest("cursor", "is not a cursor of this list") from exc
    if moment.tzinfo is None:
        raise InvalidRequest("cursor", "is not a cursor of this list")
    return moment, one
