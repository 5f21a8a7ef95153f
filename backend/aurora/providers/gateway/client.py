"""The gateway contract's endpoints, one method per request (docs/gateway-openapi.yaml). No rules here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from aurora.domain.errors import MalformedAnswer
from aurora.domain.operation import Operation
from aurora.providers.endpoints import Endpoints
from aurora.providers.fields import Fields, text
from aurora.providers.gateway.errors import explain
from aurora.providers.http import JsonClient
from aurora.providers.request import CATALOGUE_CAP, Request

PAGE = 200
"""Rows of a page, the most that the contract allows."""
_LONGEST_CURSOR = 4096


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as they came. `next` None: this is the last page."""

    rows: tuple[object, ...]
    next: str | None


class GatewayClient(Endpoints[JsonClient]):
    """Requests and the shape of their answers. Raises only ProviderError."""

    async def account(self) -> Fields:
        """`GET /account`."""
        found = await self._send(Operation.HEALTH, Request("GET", "/account"))
        if found.text("id") is None:
            raise self.malformed("the answer is no account")
        return found

    async def offers(self, operation: Operation, cursor: str | None, *, available: bool) -> Page:
        """`GET /gpus`: one page; with `available` only what can start now."""
        query = {"available": "true" if available else "false"}
        return await self._page(operation, "/gpus", query, cursor)

    async def offer(self, offer_id: str, *, disk_gb: int) -> Fields:
        """`GET /gpus/{id}` with its `quote`. Raises OfferGone, also where the gateway has no such route."""
        request = Request("GET", f"/gpus/{offer_id}", query={"disk_gb": str(disk_gb)})
        return await self._send(Operation.QUOTE, request)

    async def create(self, key: str, body: Mapping[str, object], *, hide: Collection[str]) -> Fields:
        """`POST /jobs` under an idempotency key."""
        request = Request("POST", "/jobs", body=dict(body), headers={"Idempotency-Key": key}, hide=hide)
        return await self._send(Operation.CREATE, request)

    async def job(self, job_id: str) -> Fields:
        """`GET /jobs/{id}`. Raises InstanceNotFound."""
        return await self._send(Operation.STATUS, Request("GET", f"/jobs/{job_id}"))

    async def jobs(self, query: Mapping[str, str], cursor: str | None) -> Page:
        """`GET /jobs`: one page of those that match."""
        return await self._page(Operation.LIST, "/jobs", query, cursor)

    async def logs(self, job_id: str, *, tail: int, cursor: str | None) -> Fields:
        """`GET /jobs/{id}/logs`: the last lines, or those behind `cursor`."""
        query = {"tail": str(tail)} | ({} if cursor is None else {"cursor": cursor})
        request = Request("GET", f"/jobs/{job_id}/logs", query=query, cap=CATALOGUE_CAP)
        return await self._send(Operation.LOGS, request)

    async def delete(self, job_id: str) -> None:
        """`DELETE /jobs/{id}`. Raises InstanceNotFound."""
        await self._send(Operation.TERMINATE, Request("DELETE", f"/jobs/{job_id}"))

    async def _page(
        self, operation: Operation, path: str, query: Mapping[str, str], cursor: str | None
    ) -> Page:
        asked = {**query, "limit": str(PAGE)} | ({} if cursor is None else {"cursor": cursor})
        answer = await self._send(operation, Request("GET", path, query=asked, cap=CATALOGUE_CAP))
        rows, following = answer.raw("data"), answer.raw("next_cursor")
        if not isinstance(rows, list):
            raise self.malformed("the page has no list of rows")
        token = text(following, limit=_LONGEST_CURSOR + 1)
        if (following is not None and token is None) or len(token or "") > _LONGEST_CURSOR:
            raise self.malformed("next_cursor is no cursor")
        if token is not None and token == cursor:
            raise self.malformed("next_cursor leads back to the same page")
        if not answer.has("next_cursor"):
            raise self.malformed("the page does not say whether it is the last")
        return Page(tuple(rows), token)

    async def _send(self, operation: Operation, request: Request) -> Fields:
        answer = await self._http.call(replace(request, explain=explain(operation)))
        if not isinstance(answer, dict):
            raise self.malformed("the answer is not an object")
        return Fields(answer)

    def malformed(self, detail: str) -> MalformedAnswer:
        """An answer that is not the contract's."""
        return MalformedAnswer(self._provider, detail)
