"""SaladCloud's endpoints, one method per request (Salad's OpenAPI 0.9.0-alpha.17, 2026-06-29 [seen]).

No rules here: limits, repeats and order belong to the guard and the adapter.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from aurora.domain.errors import InstanceNotFound
from aurora.domain.operation import Operation
from aurora.providers.endpoints import Endpoints
from aurora.providers.fields import Fields
from aurora.providers.http import JsonClient
from aurora.providers.request import CATALOGUE_CAP, Request
from aurora.providers.salad.errors import explain
from aurora.providers.salad.names import Place

LOG_PAGE = 100
"""Log entries of one answer, the most that is allowed [seen]."""


class SaladClient(Endpoints[JsonClient]):
    """Requests and the shape of their answers. Raises only ProviderError."""

    def __init__(self, http: JsonClient, place: Place) -> None:
        super().__init__(http)
        self._place = place
        self.proved = False
        """Address, key, organization and project have worked: a 404 speaks about the group from now on."""

    async def gpu_classes(self, operation: Operation) -> list[object]:
        """`GET gpu-classes`: every class with its prices, unordered."""
        path = f"{self._place.organization_path}/gpu-classes"
        return self._items(await self._send(operation, Request("GET", path, cap=CATALOGUE_CAP)))

    async def availability(self, operation: Operation, body: Mapping[str, object]) -> Fields:
        """`POST availability/sce-gpu-availability`: nodes for a workload of each priority."""
        path = f"{self._place.organization_path}/availability/sce-gpu-availability"
        return self._object(await self._send(operation, Request("POST", path, body=dict(body))))

    async def quotas(self, operation: Operation) -> Fields:
        """`GET quotas`."""
        path = f"{self._place.organization_path}/quotas"
        return self._object(await self._send(operation, Request("GET", path)))

    async def create(self, body: Mapping[str, object], *, hide: Collection[str]) -> Fields:
        """`POST containers`: the group."""
        request = Request("POST", self._place.containers_path, body=dict(body), hide=hide)
        return self._object(await self._send(Operation.CREATE, request))

    async def group(self, name: str, *, operation: Operation = Operation.STATUS) -> Fields:
        """`GET containers/{name}`. Raises InstanceNotFound."""
        answer = await self._send(operation, Request("GET", f"{self._place.containers_path}/{name}"))
        self.proved = True
        return self._object(answer)

    async def groups(self) -> list[object]:
        """`GET containers`: all of the project in one answer."""
        request = Request("GET", self._place.containers_path, cap=CATALOGUE_CAP)
        found = self._items(await self._send(Operation.LIST, request))
        self.proved = True
        return found

    async def events(self, name: str) -> list[object]:
        """`GET containers/{name}/system-logs`: the newest 50 events."""
        path = f"{self._place.containers_path}/{name}/system-logs"
        return self._items(await self._send(Operation.STATUS, Request("GET", path)))

    async def log_entries(self, body: Mapping[str, object]) -> list[object]:
        """`POST log-entries`: one page."""
        path = f"{self._place.organization_path}/log-entries"
        request = Request("POST", path, body=dict(body), cap=CATALOGUE_CAP)
        return self._items(await self._send(Operation.LOGS, request))

    async def delete(self, name: str) -> bool:
        """`DELETE containers/{name}`; False when there was no such group."""
        request = Request("DELETE", f"{self._place.containers_path}/{name}", may_be_empty=True)
        try:
            await self._send(Operation.TERMINATE, request)
        except InstanceNotFound:
            return False
        return True

    async def _send(self, operation: Operation, request: Request) -> object:
        return await self._http.call(replace(request, explain=explain(operation)))

    def _object(self, answer: object) -> Fields:
        if not isinstance(answer, dict):
            raise self.malformed("the answer is not an object")
        return Fields(answer)

    def _items(self, answer: object) -> list[object]:
        found = answer.get("items") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise self.malformed("the answer has no list of items")
        return found
