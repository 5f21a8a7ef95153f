"""The Console API's endpoints, one method per request (paths: its own OpenAPI, August 2026 [seen]). No rules here:
limits, repeats and order belong to the guard and the adapter.

Market routes are asked without the key: a refused one would close them too (401 on every route [seen]).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from aurora.domain.errors import InstanceNotFound
from aurora.domain.operation import Operation
from aurora.providers.akash.errors import explain
from aurora.providers.akash.limits import DEPOSIT
from aurora.providers.endpoints import Endpoints
from aurora.providers.fields import Fields, integer, text
from aurora.providers.http import JsonClient
from aurora.providers.request import CATALOGUE_CAP, Request

PAGE = 100
"""Deployments per page: era B takes 1 to 100, era A any number [seen]."""


@dataclass(frozen=True, slots=True)
class DeploymentsPage:
    """One page of the account's own deployments. `more` and `total` are None when the market does not say."""

    rows: tuple[object, ...]
    more: bool | None
    total: int | None


@dataclass(frozen=True, slots=True)
class CreateAnswer:
    """What the Console says of a create: its number, and whether the chain took the transaction."""

    dseq: str
    accepted: bool


class ConsoleClient(Endpoints[JsonClient]):
    """Requests and the shape of their answers. Raises only ProviderError."""

    # Market, without a key

    async def gpu_prices(self, operation: Operation) -> object:
        """`GET /v1/gpu-prices?debug=true`: `debug` is undocumented and may be ignored one day."""
        request = Request("GET", "/v1/gpu-prices", query={"debug": "true"}, cap=CATALOGUE_CAP, anonymous=True)
        answer = await self._call(operation, request)
        if not isinstance(answer, dict) or not isinstance(answer.get("models"), list):
            raise self.malformed("the price answer has no list of models")
        return answer

    async def providers(self, operation: Operation) -> Sequence[object]:
        """`GET /v1/providers`: every provider, in one answer."""
        request = Request("GET", "/v1/providers", cap=CATALOGUE_CAP, anonymous=True)
        answer = await self._call(operation, request)
        if not isinstance(answer, list):
            raise self.malformed("the providers are not a list")
        return answer

    async def provider(self, owner: str) -> object:
        """`GET /v1/providers/{address}`: where its gateway is."""
        return await self._call(Operation.LOGS, Request("GET", f"/v1/providers/{owner}", anonymous=True))

    async def chain_deployment(self, owner: str, dseq: str) -> object:
        """`GET /v1/deployment/{owner}/{dseq}`: as the chain has it, under `other`. Raises InstanceNotFound until the
        Console has indexed it.
        """
        request = Request("GET", f"/v1/deployment/{owner}/{dseq}", anonymous=True)
        return await self._call(Operation.LIST, request)

    async def readiness(self) -> None:
        """`GET /v1/healthz/readiness`."""
        await self._call(Operation.HEALTH, Request("GET", "/v1/healthz/readiness", anonymous=True))

    # The account

    async def create(
        self, *, sdl: str, name: str, deposit_usd: Decimal, hide: Collection[str]
    ) -> CreateAnswer:
        """`POST /v1/deployments`. `name` is era B's; era A's schema allows further fields (no
        `additionalProperties: false` in its OpenAPI), and era B ignores the deposit [seen].
        """
        fields = {"sdl": sdl, "deposit": float(deposit_usd), "name": name}
        request = Request("POST", "/v1/deployments", body={"data": fields}, hide=hide)
        answer = await self._data(Operation.CREATE, request)
        dseq = answer.text("dseq", limit=20)
        if dseq is None or not dseq.isdecimal():
            raise self.malformed("the create was accepted without naming a deployment")
        signed = answer.object("signTx")
        accepted = signed.integer("code") == 0 and signed.text("transactionHash") is not None
        return CreateAnswer(dseq, accepted)

    async def deployment(self, dseq: str, operation: Operation = Operation.STATUS) -> Fields:
        """`GET /v1/deployments/{dseq}`: deployment, leases, escrow. Raises InstanceNotFound."""
        return await self._data(operation, Request("GET", f"/v1/deployments/{dseq}"))

    async def deployments(self, *, skip: int) -> DeploymentsPage:
        """`GET /v1/deployments`: one page of the active ones. `hasMore` is only told when both numbers are sent."""
        query = {"skip": str(skip), "limit": str(PAGE)}
        answer = await self._data(
            Operation.LIST, Request("GET", "/v1/deployments", query=query, cap=CATALOGUE_CAP)
        )
        rows, pagination = answer.raw("deployments"), answer.object("pagination")
        if not isinstance(rows, list):
            raise self.malformed("the list answer has no list of deployments")
        return DeploymentsPage(tuple(rows), pagination.flag("hasMore"), pagination.integer("total"))

    async def bids(self, dseq: str) -> Sequence[object]:
        """`GET /v1/bids`: of audited providers only; empty while, and also when, nobody bids."""
        request = Request("GET", "/v1/bids", query={"dseq": dseq}, cap=CATALOGUE_CAP)
        answer = await self._object(Operation.STATUS, request)
        rows = answer.raw("data")
        if not isinstance(rows, list):
            raise self.malformed("the bids are not a list")
        return rows

    async def lease(
        self, bid: Mapping[str, object], *, manifest: str | None, hide: Collection[str]
    ) -> Fields:
        """`POST /v1/leases`: takes the bid and sends the manifest; with a lease there already, only the latter."""
        body: dict[str, object] = {"leases": [dict(bid)]}
        if manifest is not None:
            body["manifest"] = manifest
        return await self._data(Operation.CREATE, Request("POST", "/v1/leases", body=body, hide=hide))

    async def deposit(self, dseq: str, *, usd: Decimal) -> None:
        """`POST /v1/deposit-deployment`. Raises TopUpNotNeeded where the route is gone."""
        body = {"data": {"dseq": dseq, "deposit": float(usd)}}
        request = Request("POST", "/v1/deposit-deployment", body=body)
        await self._call(Operation.CREATE, request, endpoint=DEPOSIT)

    async def close(self, dseq: str) -> bool:
        """`DELETE /v1/deployments/{dseq}`; False when there is no such deployment. Closing twice succeeds [seen]."""
        try:
            await self._call(Operation.TERMINATE, Request("DELETE", f"/v1/deployments/{dseq}"))
        except InstanceNotFound:
            return False
        return True

    async def token(self, *, ttl_s: int) -> str:
        """`POST /v1/create-jwt-token`: for the logs of all own leases. Never log it."""
        leases = {"access": "scoped", "scope": ["status", "logs", "events"]}
        body = {"data": {"ttl": ttl_s, "leases": leases}}
        answer = await self._data(Operation.LOGS, Request("POST", "/v1/create-jwt-token", body=body))
        found = text(answer.raw("token"), limit=16_384)
        if found is None:
            raise self.malformed("the answer has no token")
        return found

    async def me(self) -> None:
        """`GET /v1/user/me`: the cheapest read that needs the key. Who we are is nobody's business: not read."""
        await self._data(Operation.HEALTH, Request("GET", "/v1/user/me"))

    async def balances(self) -> Fields:
        """`GET /v1/balances`: the account's own."""
        return await self._data(Operation.HEALTH, Request("GET", "/v1/balances"))

    async def _call(self, operation: Operation, request: Request, *, endpoint: str | None = None) -> object:
        return await self._http.call(replace(request, explain=explain(operation, endpoint=endpoint)))

    async def _object(self, operation: Operation, request: Request) -> Fields:
        answer = await self._call(operation, request)
        if not isinstance(answer, dict):
            raise self.malformed("the answer is not an object")
        return Fields(answer)

    async def _data(self, operation: Operation, request: Request) -> Fields:
        answer = await self._object(operation, request)
        if not isinstance(answer.raw("data"), dict):
            raise self.malformed("the answer has no data")
        return answer.object("data")


def credit_usd(balances: Fields) -> Decimal | None:
    """Spendable USD. Code and CLI say integers of uACT, the newest skill text decimals of USD; so a whole number is
    uACT, any other USD [guess].
    """
    found = balances.number("balance")
    if found is None:
        return None
    whole = integer(balances.raw("balance"))
    return found if whole is None else found / 1_000_000
