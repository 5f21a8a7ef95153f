"""`GET /decisions/{id}`."""

from collections.abc import Mapping
from typing import Any

from aurora.db.database import Database
from aurora.db.repositories import decisions
from aurora.domain.errors import NotFound
from aurora.services.ports import Caller


class DecisionDesk:
    """Reads the decision log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, decision_id: str, *, caller: Caller) -> Mapping[str, Any]:
        """The stored decision as plain data. Raises NotFound, for another tenant's id too."""
        async with self._database.read() as connection:
            found = await decisions.find(connection, decision_id, tenant=caller.tenant)
        if found is None:
            raise NotFound(f"no decision {decision_id}")
        return found
