"""Tenants: made, changed, switched off. Nothing is ever deleted: the records of what was bought refer to them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.repositories import audit
from aurora.db.repositories import tenants as rows
from aurora.db.repositories.tenants import InUse, StoredTenant
from aurora.domain.audit import AuditAction
from aurora.domain.clock import Clock
from aurora.domain.errors import Conflict, InvalidRequest, NotFound
from aurora.services import intake_fields as read
from aurora.services.audit import entry
from aurora.services.ports import Caller
from aurora.services.router_config import POLICIES, HardLimits
from aurora.services.tenant_book import TenantBook
from aurora.services.tenant_document import LimitsDocument, document_of

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LONGEST_NAME = 120
_CREATED = 201


class Regions(Protocol):
    """What reads a region's name. Raises InvalidRequest."""

    def macro(self, text: str) -> str: ...


@dataclass(frozen=True, slots=True)
class TenantRules:
    """What a tenant may be given."""

    providers: frozenset[str]
    regions: Regions
    hard: HardLimits
    policies: Collection[str] = POLICIES


@dataclass(frozen=True, slots=True)
class TenantChange:
    """What to change; `said` names what was said, so that null is told from silence."""

    said: frozenset[str] = frozenset()
    name: str | None = None
    home_region: str | None = None
    limits: LimitsDocument | None = None
    disabled: bool | None = None


class TenantDesk:
    """Every change is committed together with its row in the audit log."""

    def __init__(self, database: Database, book: TenantBook, *, rules: TenantRules, clock: Clock) -> None:
        self._database = database
        self._book = book
        self._rules = rules
        self._clock = clock

    async def create(self, tenant_id: str, change: TenantChange, *, caller: Caller) -> StoredTenant:
        """Raises InvalidRequest, Conflict."""
        if not _ID.fullmatch(tenant_id):
            raise InvalidRequest("id", "must be 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit")
        now = self._clock.now()
        made = self._changed(StoredTenant(tenant_id, {}, created_at=now), change)
        try:
            async with self._database.write() as connection:
                await rows.add(connection, made)
                await self._account(connection, AuditAction.TENANT_CREATE, made, caller, status=_CREATED)
        except IntegrityError as exc:
            raise Conflict(f"there is a tenant {tenant_id}") from exc
        caller.trail.written = True
        self._book.forget(tenant_id)
        return made

    async def change(
        self, tenant_id: str, change: TenantChange, *, caller: Caller, action: AuditAction
    ) -> StoredTenant:
        """Two changes at once come one after the other. Raises InvalidRequest, NotFound."""
        async with self._database.write() as connection:
            found = await rows.lock(connection, tenant_id)
            if found is None:
                raise NotFound(f"no tenant {tenant_id}")
            made = self._changed(found, change)
            await rows.save(connection, made)
            await self._account(connection, action, made, caller, change=change)
        caller.trail.written = True
        self._book.forget(tenant_id)
        return made

    async def disable(self, tenant_id: str, *, caller: Caller) -> StoredTenant:
        """It buys nothing any more; what runs goes on until its end. Idempotent."""
        off = TenantChange(frozenset({"disabled"}), disabled=True)
        return await self.change(tenant_id, off, caller=caller, action=AuditAction.TENANT_DISABLE)

    async def get(self, tenant_id: str) -> StoredTenant:
        """Raises NotFound."""
        async with self._database.read() as connection:
            found = await rows.find(connection, tenant_id)
        if found is None:
            raise NotFound(f"no tenant {tenant_id}")
        return found

    async def in_use(self, tenant_id: str) -> InUse:
        """What counts towards its quotas now."""
        async with self._database.read() as connection:
            return await rows.in_use(connection, tenant_id)

    async def page(self, *, after: str | None, limit: int) -> tuple[Sequence[StoredTenant], str | None]:
        """By id; with the cursor of the next page."""
        async with self._database.read() as connection:
            found = await rows.page(connection, after=after, limit=limit + 1)
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def _changed(self, tenant: StoredTenant, change: TenantChange) -> StoredTenant:
        now = self._clock.now()
        new: dict[str, Any] = {"updated_at": now}
        if "name" in change.said:
            new["name"] = _name(change.name)
        if "home_region" in change.said:
            new["home_region"] = self._home(change.home_region)
        if "limits" in change.said:
            new["limits"] = self._limits(tenant, change.limits)
        if change.disabled is not None:
            new["disabled_at"] = (tenant.disabled_at or now) if change.disabled else None
        return replace(tenant, **new)

    def _home(self, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            found = self._rules.regions.macro(text)
        except InvalidRequest as exc:
            raise InvalidRequest("home_region", exc.detail) from None
        if found == "global":
            raise InvalidRequest("home_region", "must be a place, such as us-east")
        return found

    def _limits(self, tenant: StoredTenant, change: LimitsDocument | None) -> dict[str, Any]:
        """Null takes all limits away."""
        if change is None:
            return {}
        document = document_of(tenant.limits).merged(change)
        hard = self._rules.hard
        _at_most("limits.max_price", document.max_price, hard.max_price)
        _at_most("limits.max_latency_ms", document.max_latency_ms, hard.max_latency_ms)
        given: dict[str, Any] = {}
        if document.policy is not None:
            given["policy"] = read.choice("limits.policy", document.policy, known=self._rules.policies)
        for field in ("providers", "exclude_providers"):
            named = getattr(document, field)
            if named is not None:
                known = read.market_names(f"limits.{field}", named, known=self._rules.providers)
                given[field] = sorted(known)
        return document.model_copy(update=given).stored()

    async def _account(
        self,
        connection: AsyncConnection,
        action: AuditAction,
        tenant: StoredTenant,
        caller: Caller,
        *,
        change: TenantChange | None = None,
        status: int = 200,
    ) -> None:
        said = frozenset({"name", "home_region", "limits"}) if change is None else change.said
        data = {name: getattr(tenant, name) for name in sorted(said - {"disabled"})}
        if change is not None and "disabled" in change.said:
            data["disabled"] = tenant.disabled_at is not None
        row = entry(caller, action, at=self._clock.now(), target=tenant.id, status=status, data=data)
        await audit.add(connection, replace(row, tenant=tenant.id))


def _name(text: str | None) -> str | None:
    if text is not None and not 0 < len(text.strip()) <= _LONGEST_NAME:
        raise InvalidRequest("name", f"must have 1 to {_LONGEST_NAME} characters")
    return None if text is None else text.strip()


def _at_most(field: str, value: Decimal | float | None, most: Decimal | float) -> None:
    if value is not None and value > most:
        raise InvalidRequest(field, f"must be at most {most:g}, the hard limit in config/router.yaml")
