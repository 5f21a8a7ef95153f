"""Vast.ai's endpoints, one method per request (paths: Vast docs openapi and CLI 1.9.1, 2026-08). No rules here:
limits, repeats and order belong to the guard and the adapter.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from aurora.domain.errors import InstanceNotFound, ProviderError
from aurora.domain.operation import Operation
from aurora.providers.endpoints import Endpoints
from aurora.providers.fields import integer, text
from aurora.providers.http import JsonClient
from aurora.providers.request import CATALOGUE_CAP, Request
from aurora.providers.vastai.errors import LeftBehind, explain, refuses

PAGE = 25
"""Instances per page, the most that v1 gives."""


@dataclass(frozen=True, slots=True)
class CreateAnswer:
    """An instance id, or a refusal that left the instance `external_id` behind."""

    external_id: str
    refusal: ProviderError | None = None


@dataclass(frozen=True, slots=True)
class InstancesPage:
    """One page of the account's own instances; `total` as the market counts them."""

    rows: tuple[object, ...]
    next_token: str | None
    total: int | None


class VastClient(Endpoints[JsonClient]):
    """Requests and the shape of their answers. Raises only ProviderError."""

    async def gpu_names(self) -> object:
        """`GET /gpu_names/unique/`; needs no key."""
        return await self._send(Operation.OFFERS, Request("GET", "/api/v0/gpu_names/unique/", anonymous=True))

    async def search(self, operation: Operation, query: Mapping[str, object]) -> list[object]:
        """`POST /bundles/`: the rows as they came."""
        request = Request("POST", "/api/v0/bundles/", body=dict(query), cap=CATALOGUE_CAP)
        answer = await self._send(operation, request)
        rows = answer.get("offers")
        if not isinstance(rows, list):
            raise self.malformed("the search answer has no list of offers")
        return rows

    async def create(self, ask_id: str, body: Mapping[str, object], *, hide: Collection[str]) -> CreateAnswer:
        """`PUT /asks/{id}/`. A refusal that left an instance behind is an answer, not an error: it is to be
        cleaned up. `instance_api_key` in the answer is read by nobody.
        """
        request = Request("PUT", f"/api/v0/asks/{ask_id}/", body=dict(body), hide=hide)
        try:
            answer = await self._send(Operation.CREATE, request)
        except LeftBehind as left:
            return CreateAnswer(left.external_id, refusal=left.refusal)
        contract = integer(answer.get("new_contract"))
        if contract is None or contract <= 0:
            raise self.malformed("the create was accepted without naming an instance")
        return CreateAnswer(str(contract))

    async def instance(self, instance_id: str) -> object:
        """`GET /instances/{id}/`: the row. Raises InstanceNotFound for null."""
        path = f"/api/v0/instances/{instance_id}/"
        answer = await self._send(Operation.STATUS, Request("GET", path, query={"owner": "me"}))
        if "instances" not in answer:
            raise self.malformed("the answer has no instance, not even null")
        row = answer["instances"]
        if row is None:
            raise InstanceNotFound(self._provider, f"no instance {instance_id}")
        return row

    async def instances(self, after: str | None) -> InstancesPage:
        """`GET /api/v1/instances/`: one page in ascending id. Raises MalformedAnswer for a short page."""
        query = {
            "select_filters": "{}",
            "order_by": json.dumps([{"col": "id", "dir": "asc"}]),
            "limit": str(PAGE),
        }
        if after is not None:
            query["after_token"] = after
        request = Request("GET", "/api/v1/instances/", query=query, cap=CATALOGUE_CAP)
        answer = await self._send(Operation.LIST, request)
        rows, token = answer.get("instances"), answer.get("next_token")
        if not isinstance(rows, list) or not (token is None or isinstance(token, str)):
            raise self.malformed("the list answer has no list of instances, or a token that is none")
        found = integer(answer.get("instances_found"))
        if found is not None and len(rows) < found <= PAGE:
            raise self.malformed(f"the page announces {found} instances and holds {len(rows)}")
        return InstancesPage(tuple(rows), token or None, integer(answer.get("total_instances")))

    async def request_logs(self, instance_id: str, *, tail: int) -> str:
        """`PUT /instances/request_logs/{id}/`: where the log will be found. Never log this address."""
        path = f"/api/v0/instances/request_logs/{instance_id}/"
        answer = await self._send(Operation.LOGS, Request("PUT", path, body={"tail": str(tail)}))
        url = text(answer.get("result_url"), limit=4096)
        if url is None:
            raise self.malformed("the answer names no log file")
        return url

    async def log_file(self, url: str, *, cap: int) -> str | None:
        """The log behind `url`, without our key; None while it is not there."""
        return await self._http.read_text(url, cap=cap)

    async def destroy(self, instance_id: str) -> bool:
        """`DELETE /instances/{id}/`; False when there was no such instance."""
        request = Request("DELETE", f"/api/v0/instances/{instance_id}/", body={})
        try:
            await self._send(Operation.TERMINATE, request)
        except InstanceNotFound:
            return False
        return True

    async def current_user(self) -> object:
        """`GET /users/current` (no slash at the end, as the CLI). It holds our key: nobody may log it."""
        return await self._send(Operation.HEALTH, Request("GET", "/api/v0/users/current"))

    async def _send(self, operation: Operation, request: Request) -> dict[str, object]:
        answer = await self._http.call(replace(request, explain=explain(operation), refuses=refuses))
        if not isinstance(answer, dict):
            raise self.malformed("the answer is not an object")
        return answer
