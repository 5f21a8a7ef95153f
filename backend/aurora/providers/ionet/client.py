"""io.net's CaaS endpoints, one method per request (io.net docs reference/caas [seen], new-api `pkg/ionet` [2nd]).

No rules here: limits, repeats and order belong to the guard and the adapter.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from aurora.domain.errors import InstanceNotFound
from aurora.domain.operation import Operation
from aurora.providers.endpoints import Endpoints
from aurora.providers.fields import Fields, integer, number
from aurora.providers.ionet.base_url import CAAS, CONSOLE
from aurora.providers.ionet.errors import explain, refuses
from aurora.providers.ionet.offer_id import OfferId
from aurora.providers.request import CATALOGUE_CAP, Request
from aurora.providers.streaming import LineStream, StreamingClient

PAGE = 100
"""Rows of a list, the most that is allowed [seen]."""


@dataclass(frozen=True, slots=True)
class DeploymentsPage:
    """One page of the account's deployments, past ones too; `total` as the market counts them."""

    rows: tuple[object, ...]
    total: int | None


@dataclass(frozen=True, slots=True)
class PriceAnswer:
    """USD for one container and one hour, fees included, and how many of them there are."""

    usd_per_hour: object
    replicas: int | None


class IonetClient(Endpoints[StreamingClient]):
    """Requests and the shape of their answers. Raises only ProviderError."""

    def __init__(self, http: StreamingClient) -> None:
        super().__init__(http)
        self.proved = False
        """The address and the key have worked: a 404 is the market's word from now on, not that of a wrong address."""

    async def hardware(self, operation: Operation) -> list[object]:
        """`GET /hardware/max-gpus-per-container`: a flat list, or one in `hardware`."""
        request = Request("GET", f"{CAAS}/hardware/max-gpus-per-container", cap=CATALOGUE_CAP)
        return self._rows(await self._send(operation, request), "hardware")

    async def console(self) -> list[object]:
        """The console's catalogue, without our key [2nd]."""
        request = Request("GET", f"{CONSOLE}/hardware", anonymous=True, cap=CATALOGUE_CAP)
        answer = await self._http.call(replace(request, explain=explain(Operation.OFFERS)))
        return self._rows(answer, "hardware")

    async def replicas(self, operation: Operation, hardware: int | str, *, gpus: int) -> list[object]:
        """`GET /available-replicas`: per location the containers of `gpus` GPUs that can be started."""
        query = {"hardware_id": str(hardware), "hardware_qty": str(gpus)}
        request = Request("GET", f"{CAAS}/available-replicas", query=query)
        return self._rows(await self._send(operation, request), "locations")

    async def price(self, offer: OfferId) -> PriceAnswer:
        """`GET /price` of one container for one hour. `location_ids` is a JSON array as text."""
        query = {
            "location_ids": json.dumps([offer.location]),
            "hardware_id": str(offer.hardware),
            "duration_hours": "1",
            "gpus_per_container": str(offer.gpus),
            "replica_count": "1",
        }
        data = self._data(await self._send(Operation.QUOTE, Request("GET", f"{CAAS}/price", query=query)))
        free = data.raw("available_replica_count")
        counts = [integer(each) for each in free] if isinstance(free, list) else [integer(free)]
        return PriceAnswer(number(data.raw("total_cost_usdc")), counts[0] if counts else None)

    async def deploy(self, body: Mapping[str, object], *, hide: Collection[str]) -> str:
        """`POST /deploy`: the deployment's id. Raises MalformedAnswer for a 200 without one: it is to be looked for."""
        answer = await self._send(
            Operation.CREATE, Request("POST", f"{CAAS}/deploy", body=dict(body), hide=hide)
        )
        fields = Fields(answer if isinstance(answer, dict) else {})
        found = fields.text("deployment_id", limit=80) or fields.object("data").text(
            "deployment_id", limit=80
        )
        if found is None:
            raise self.malformed("the create was accepted without naming a deployment")
        return found

    async def extend(self, deployment: str, *, hours: int) -> None:
        """`POST /deployment/{id}/extend`: pay for more hours [2nd; VMaaS twin seen]."""
        path = f"{CAAS}/deployment/{deployment}/extend"
        request = Request("POST", path, body={"duration_hours": hours}, may_be_empty=True)
        await self._send(Operation.CREATE, request)

    async def deployment(self, deployment: str, *, operation: Operation = Operation.STATUS) -> Fields:
        """`GET /deployment/{id}`. Raises InstanceNotFound."""
        answer = await self._send(operation, Request("GET", f"{CAAS}/deployment/{deployment}"))
        return self._data(answer)

    async def deployments(
        self, page: int, *, size: int = PAGE, operation: Operation = Operation.LIST
    ) -> DeploymentsPage:
        """`GET /deployments`: one page."""
        query = {"page": str(page), "page_size": str(size)}
        request = Request("GET", f"{CAAS}/deployments", query=query, cap=CATALOGUE_CAP)
        data = self._data(await self._send(operation, request))
        rows = data.raw("deployments")
        if not isinstance(rows, list):
            raise self.malformed("the answer has no list of deployments")
        return DeploymentsPage(tuple(rows), data.integer("total"))

    async def containers(
        self, deployment: str, *, operation: Operation = Operation.STATUS
    ) -> tuple[object, ...]:
        """`GET /deployment/{id}/containers`: its workers, none while it is being placed."""
        answer = await self._send(operation, Request("GET", f"{CAAS}/deployment/{deployment}/containers"))
        return tuple(self._rows(answer, "workers"))

    async def open_log(self, deployment: str, container: str, *, stream: str) -> LineStream:
        """`GET /deployment/{id}/log/{container}`: always a stream (SSE) [seen]."""
        path = f"{CAAS}/deployment/{deployment}/log/{container}"
        request = Request(
            "GET",
            path,
            query={"stream": stream},
            headers={"Accept": "text/event-stream"},
            explain=explain(Operation.LOGS),
        )
        return await self._http.open_lines(request)

    async def destroy(self, deployment: str) -> bool:
        """`DELETE /deployment/{id}`; False when there was no such deployment."""
        request = Request("DELETE", f"{CAAS}/deployment/{deployment}", may_be_empty=True)
        try:
            await self._send(Operation.TERMINATE, request)
        except InstanceNotFound:
            return False
        return True

    async def _send(self, operation: Operation, request: Request) -> object:
        answer = await self._http.call(replace(request, explain=explain(operation), refuses=refuses))
        self.proved = True
        return answer

    def _data(self, answer: object) -> Fields:
        """What is in the envelope. Raises MalformedAnswer."""
        found = answer.get("data", answer) if isinstance(answer, dict) else None
        if not isinstance(found, dict):
            raise self.malformed("the answer has no object in `data`")
        return Fields(found)

    def _rows(self, answer: object, name: str) -> list[object]:
        """`data` as a list, or as an object with one."""
        found = answer.get("data") if isinstance(answer, dict) else None
        if isinstance(found, dict):
            found = found.get(name)
        if not isinstance(found, list):
            raise self.malformed(f"the answer has no list of {name}")
        return found
