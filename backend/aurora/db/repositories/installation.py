"""Who we are."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import installation


async def installation_id(connection: AsyncConnection) -> str:
    """Six characters made by the first migration; part of every instance's name."""
    return str((await connection.execute(select(installation.c.installation_id))).scalar_one())
