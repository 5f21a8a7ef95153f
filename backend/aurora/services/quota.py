"""Quotas, counted in the transaction that takes from them: whoever counts first is counted by the next."""

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.repositories import tenants
from aurora.domain.errors import NotFound, QuotaExceeded
from aurora.services.tenant_book import spending
from aurora.services.tenant_document import tenant_of


async def take(connection: AsyncConnection, tenant_id: str, *, gpus: int) -> None:
    """Make room for one deployment with `gpus` GPUs, or raise QuotaExceeded. Call before anything is inserted.

    The tenant's row stays locked until the end of the transaction, so that two requests never count the same room;
    and its limits are the newest, whatever is in memory. Raises TenantDisabled too.
    """
    stored = await tenants.lock(connection, tenant_id)
    if stored is None:
        raise NotFound(f"no tenant {tenant_id}")
    quotas = spending(tenant_of(stored))
    if not quotas.counted:
        return
    used = await tenants.in_use(connection, tenant_id)
    if quotas.max_deployments is not None and used.deployments + 1 > quotas.max_deployments:
        raise QuotaExceeded("max_deployments", limit=quotas.max_deployments, used=used.deployments)
    if quotas.max_gpus is not None and used.gpus + gpus > quotas.max_gpus:
        raise QuotaExceeded("max_gpus", limit=quotas.max_gpus, used=used.gpus, asked=gpus)
