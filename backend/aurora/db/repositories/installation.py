"""Who we are: the installation's id and the tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import installation, tenants


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who pays us. `limits` override the defaults of `config/router.yaml`."""

    id: str
    home_region: str | None
    limits: Mapping[str, Any]


async def installation_id(connection: AsyncConnection) -> str:
    """Six characters made by the first migration; part of every instance's name."""
    return str((await connection.execute(select(installation.c.installation_id))).scalar_one())


async def find_tenant(connection: AsyncConnection, tenant_id: str) -> Tenant | None:
    row = (await connection.execute(select(tenants).where(tenants.c.id == tenant_id))).first()
    return None if row is None else Tenant(row.id, row.home_region, row.limits)
