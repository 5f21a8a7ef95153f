"""The chain's own REST interface (LCD): the second source when the Console does not answer, without a key.

Routes and fields: akash-network/chain-sdk and node [seen]; bodies: captures and docs examples, see
tests/fixtures/akash/README.md. Some public LCDs do not serve `/akash/market/*` [2nd]. Older data says `bid_id` for `id`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from aurora.domain.errors import InstanceNotFound, MalformedAnswer, ProviderError
from aurora.domain.operation import Operation
from aurora.providers.answers import Refusal
from aurora.providers.base import CallGuard
from aurora.providers.fields import Fields
from aurora.providers.http import JsonClient
from aurora.providers.request import CATALOGUE_CAP, Request

PAGE = 200
MOST_PAGES = 20
BIDS = 1000
"""Active bids that are read for prices, newest first."""
_NOT_FOUND = 5
"""gRPC's code in a 404 of the chain; a proxy's 404 has none."""


@dataclass(frozen=True, slots=True)
class Block:
    """A height of the chain, and when it was."""

    height: int
    at: datetime


class LcdClient:
    """Requests through their own guard: the chain's node is another server than the Console."""

    def __init__(self, http: JsonClient, *, guard: CallGuard) -> None:
        self._http = http
        self._guard = guard
        self._provider = http.provider

    def __repr__(self) -> str:
        return f"LcdClient({self._http!r})"

    async def providers(self) -> Sequence[object]:
        """Every registered provider: owner, gateway, attributes. Nobody says here who is online."""
        path, found, key = "/akash/provider/v1beta4/providers", list[object](), ""
        for _ in range(MOST_PAGES):
            answer = await self._get(Operation.OFFERS, path, {"pagination.limit": str(PAGE), **_after(key)})
            rows = answer.raw("providers")
            if not isinstance(rows, list):
                raise self._malformed("the chain's answer has no providers")
            found.extend(rows)
            key = answer.object("pagination").text("next_key", limit=4096) or ""
            if not key:
                return found
        raise self._malformed("the chain's list of providers does not come to an end")

    async def active_bids(self) -> Sequence[object]:
        """The newest bids that became leases: real prices. One page."""
        query = {
            "filters.state": "active",
            "pagination.limit": str(BIDS),
            "pagination.reverse": "true",
        }
        answer = await self._get(Operation.OFFERS, "/akash/market/v1beta5/bids/list", query)
        rows = answer.raw("bids")
        if not isinstance(rows, list):
            raise self._malformed("the chain's answer has no bids")
        return rows

    async def deployment(self, owner: str, dseq: str) -> Fields:
        """One deployment with its groups. Raises InstanceNotFound."""
        path = "/akash/deployment/v1beta4/deployments/info"
        return await self._get(Operation.LIST, path, {"id.owner": owner, "id.dseq": dseq})

    async def latest_block(self) -> Block:
        """The newest block."""
        answer = await self._get(Operation.STATUS, "/cosmos/base/tendermint/v1beta1/blocks/latest", {})
        header = answer.object("block").object("header")
        height, at = header.integer("height"), moment(header.text("time"))
        if height is None or at is None:
            raise self._malformed("the chain's answer has no block")
        return Block(height, at)

    async def aclose(self) -> None:
        """Close the session."""
        await self._http.aclose()

    async def _get(self, operation: Operation, path: str, query: dict[str, str]) -> Fields:
        request = Request("GET", path, query=query, cap=CATALOGUE_CAP, anonymous=True, explain=_explain)
        answer = await self._guard.call(operation, lambda: self._http.call(request))
        if not isinstance(answer, dict):
            raise self._malformed("the chain's answer is not an object")
        return Fields(answer)

    def _malformed(self, detail: str) -> MalformedAnswer:
        return MalformedAnswer(self._provider, detail)


def _after(key: str) -> dict[str, str]:
    return {"pagination.key": key} if key else {}


def _explain(refusal: Refusal) -> ProviderError | None:
    if refusal.status != HTTPStatus.NOT_FOUND or not isinstance(refusal.body, dict):
        return None
    if Fields(refusal.body).integer("code") != _NOT_FOUND:
        return None
    return InstanceNotFound(refusal.provider, "the chain has no such deployment", status=refusal.status)


def moment(text: str | None) -> datetime | None:
    """An ISO time with up to nine decimals, as the chain writes it."""
    head, dot, tail = (text or "").partition(".")
    fraction = "".join(each for each in tail if each.isdigit())[:6]
    try:
        found = datetime.fromisoformat(
            f"{head.removesuffix('Z')}{dot}{fraction.ljust(6, '0') if dot else ''}"
        )
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
