"""The tenants in memory: whose defaults a request gets, and who may buy."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from aurora.db.database import Database
from aurora.db.repositories import tenants as rows
from aurora.domain.clock import Clock
from aurora.domain.errors import Conflict, NotFound, TenantDisabled
from aurora.domain.tenant import Quotas, Tenant
from aurora.services.book import Book, BookPolicy
from aurora.services.tenant_document import tenant_of


class Spenders(Protocol):
    """Who may buy."""

    async def may_spend(self, tenant_id: str) -> Quotas:
        """What has to be counted before it buys. Raises TenantDisabled, Conflict, NotFound, DatabaseUnavailable."""
        ...


class AnySpender:
    """Everybody, without a quota."""

    async def may_spend(self, tenant_id: str) -> Quotas:  # noqa: ARG002 - one of the shape `Spenders`
        return Quotas()


class TenantBook:
    """Fits `Spenders`. While the database is away the tenants that are known stay as they were."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._book: Book[Tenant] = Book(self._read, clock=clock, policy=BookPolicy(max_age_s=math.inf))

    async def get(self, tenant_id: str) -> Tenant:
        """Raises NotFound, DatabaseUnavailable."""
        found = await self._book.get(tenant_id)
        if found is None:
            raise NotFound(f"no tenant {tenant_id}")
        return found

    def peek(self, tenant_id: str) -> Tenant | None:
        """What is known of it, without asking anybody."""
        return self._book.peek(tenant_id)

    async def may_spend(self, tenant_id: str) -> Quotas:
        """See `Spenders`."""
        return spending(await self.get(tenant_id))

    def forget(self, tenant_id: str) -> None:
        """It was changed here."""
        self._book.forget(tenant_id)

    async def refresh(self) -> None:
        """Notice what other processes changed. Raises DatabaseUnavailable."""
        await self._book.refresh()

    async def _read(self, ids: Sequence[str]) -> Mapping[str, Tenant]:
        async with self._database.read() as connection:
            found = await rows.find_many(connection, ids)
        return {key: tenant_of(stored) for key, stored in found.items()}


def spending(tenant: Tenant) -> Quotas:
    """The quotas of a tenant that may buy. Raises TenantDisabled, or Conflict when its limits cannot be read."""
    if tenant.disabled_at is not None:
        raise TenantDisabled(f"the tenant {tenant.id} is disabled: it may look and end, but not buy")
    if tenant.broken is not None:
        raise Conflict(
            f"the stored limits of the tenant {tenant.id} are not valid: {tenant.broken}",
            code="tenant_limits_invalid",
        )
    return tenant.limits.quotas
