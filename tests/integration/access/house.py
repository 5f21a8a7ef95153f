"""A whole Aurora with an admin key, spoken to over HTTP as its tenants do."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from aurora.bootstrap import Aurora
from aurora.cli.web import _server
from tests.settings.room import Emulator, anything_on_sale, booted
from tests.unit.api.served import served

ADMIN = "the-admin-key-of-this-house"


@dataclass
class Said:
    """One answer."""

    status: int
    text: str
    headers: Any

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class House:
    """One process. `ask` uses the admin key unless another one is given; `key=None` presents none."""

    aurora: Aurora
    client: aiohttp.ClientSession

    async def ask(self, call: str, body: Any = None, *, key: str | None = ADMIN, **headers: str) -> Said:
        method, path = call.split(" ", 1)
        given = {**headers, **({} if key is None else {"Authorization": f"Bearer {key}"})}
        async with self.client.request(method, path, json=body, headers=given) as answer:
            return Said(answer.status, await answer.text(), dict(answer.headers))

    async def tenant(self, tenant_id: str, **limits: Any) -> None:
        made = await self.ask("POST /api/v1/tenants", {"id": tenant_id, "limits": limits})
        assert made.status == 201, made.text

    async def key(self, tenant_id: str, *scopes: str, **more: Any) -> Any:
        """The answer to making a key: `secret`, `key.id`."""
        body = {"name": f"{tenant_id} test", "scopes": list(scopes or ("route",)), **more}
        made = await self.ask(f"POST /api/v1/tenants/{tenant_id}/keys", body)
        assert made.status == 201, made.text
        return made.json

    async def audit(self, query: str = "") -> list[dict[str, Any]]:
        """Newest first."""
        found = await self.ask(f"GET /api/v1/audit{query}")
        assert found.status == 200, found.text
        return list(found.json["entries"])

    def wish(self, **more: Any) -> dict[str, Any]:
        """A body of POST /route that the catalogue can serve more than once."""
        asked = anything_on_sale(self.aurora)
        return {
            "gpu_type": asked.gpu.family,
            "gpu_count": asked.gpu_count,
            "gpu_hours": 1,
            "max_price": 50,
            "max_latency_ms": 60_000,
            "min_reputation": 0,
            **more,
        }


@asynccontextmanager
async def house(database_url: str, market: Emulator | None = None, **settings: Any) -> AsyncIterator[House]:
    """Booted, its catalogue read where there is a market. Time stands still."""
    chosen = {"aurora_admin_key": ADMIN, **settings}
    if market is not None:
        chosen["emulator_url"] = market.url
    async with booted(database_url, **chosen) as aurora:
        if market is not None:
            await aurora.replicas.sync.run("vastai")
        async with served(_server(aurora).config.app) as client:
            yield House(aurora, client)
