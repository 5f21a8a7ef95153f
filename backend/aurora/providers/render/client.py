"""Dispersed's endpoints, one method per request (clients of unrelated projects, 2026 [2nd]). No rules here."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from aurora.domain.operation import Operation
from aurora.providers.endpoints import Endpoints
from aurora.providers.fields import Fields
from aurora.providers.http import JsonClient
from aurora.providers.render.errors import explain
from aurora.providers.request import CATALOGUE_CAP, Request

ROWS = 50
"""Rows asked for: what every client asks for. There is no page token, so an answer with as many may be cut."""
MORE_ROWS = 1000
"""Asked for when 50 were not enough. Larger limits were never tried by anybody [guess]."""
_NEWEST_FIRST = {"sort": "-created_at"}


class DispersedClient(Endpoints[JsonClient]):
    """Requests and the shape of their answers. Raises only ProviderError."""

    async def registry(self, operation: Operation, *, limit: int) -> list[object]:
        """`GET /v1/gpu-registry`: GPUs of which something is free."""
        query = {"filter[only_available]": "true", "limit": str(limit)}
        return await self._rows(operation, Request("GET", "/v1/gpu-registry", query=query))

    async def create(self, body: Mapping[str, object], *, hide: Collection[str]) -> Fields:
        """`POST /v1/jobs`."""
        answer = await self._send(Operation.CREATE, Request("POST", "/v1/jobs", body=dict(body), hide=hide))
        return self._job(answer)

    async def job(self, uuid: str) -> Fields:
        """`GET /v1/jobs/{uuid}`. Raises InstanceNotFound."""
        return self._job(await self._send(Operation.STATUS, Request("GET", f"/v1/jobs/{uuid}")))

    async def jobs(self, statuses: Collection[str], *, limit: int) -> list[object]:
        """`GET /v1/jobs`: the newest of those with one of the statuses."""
        query = {"limit": str(limit), **_NEWEST_FIRST, "filter[status]": ",".join(statuses)}
        return await self._rows(Operation.LIST, Request("GET", "/v1/jobs", query=query))

    async def runs(self, operation: Operation, uuid: str | None = None) -> list[object]:
        """`GET /v1/job-runs`: running ones, of one job or of all. They know the endpoints, jobs do not."""
        query = {"limit": str(ROWS), **_NEWEST_FIRST, "filter[status]": "RUNNING"}
        if uuid is not None:
            query["filter[job_uuid]"] = uuid
        return await self._rows(operation, Request("GET", "/v1/job-runs", query=query))

    async def cancel(self, uuid: str) -> None:
        """`PUT /v1/jobs/{uuid}/cancel`: 200, 202 or 204. Raises InstanceNotFound, NotNow."""
        body = {"reason": "no longer needed"}
        request = Request("PUT", f"/v1/jobs/{uuid}/cancel", body=body, may_be_empty=True)
        await self._send(Operation.TERMINATE, request)

    async def transactions(self) -> list[object]:
        """`GET /v1/compute/ledger/transactions`: what a row holds was never seen."""
        request = Request("GET", "/v1/compute/ledger/transactions", query={"limit": "10", **_NEWEST_FIRST})
        return await self._rows(Operation.HEALTH, request)

    async def _rows(self, operation: Operation, request: Request) -> list[object]:
        """`{"data": [...]}`; one client met a bare list."""
        answer = await self._send(operation, replace(request, cap=CATALOGUE_CAP))
        rows = answer.get("data") if isinstance(answer, dict) else answer
        if not isinstance(rows, list):
            raise self.malformed("the answer has no list of rows")
        return rows

    def _job(self, answer: object) -> Fields:
        """The job itself; one client met it inside `data`."""
        found = answer if isinstance(answer, dict) else {}
        inner = found.get("data")
        return Fields(inner if isinstance(inner, dict) and "uuid" not in found else found)

    async def _send(self, operation: Operation, request: Request) -> object:
        return await self._http.call(replace(request, explain=explain(operation)))
