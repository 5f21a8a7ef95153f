"""The chain's own REST interface, keyless (contract, section 9)."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC

from aurora.emulators.akash import view
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.estate import DENOM, Estate
from aurora.emulators.akash.guard import marked
from aurora.emulators.akash.lease import Lot
from aurora.emulators.akash.provider import Provider
from aurora.emulators.akash.reading import Reading
from aurora.emulators.akash.view import Json
from aurora.emulators.exchange import Call, Handler, Reply

VERSIONS: Mapping[str, str] = {"deployment": "v1beta4", "market": "v1beta5", "provider": "v1beta4"}
_LIMIT = 100
_INVALID, _NOT_FOUND, _UNIMPLEMENTED, _UNAVAILABLE = 3, 5, 12, 14


class Refusal(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class Lcd:
    def __init__(self, estate: Estate, reading: Reading) -> None:
        self._estate = estate
        self._reading = reading

    def routed(self, handler: Handler) -> Handler:
        """With the refusals of the chain's interface; only the present version of each module answers."""

        def guarded(call: Call) -> Reply:
            self._estate.advance(call.now)
            module, version = call.params.get("module", ""), call.params.get("version")
            if self._estate.network.knobs.lcd_down:
                return marked(_error(503, _UNAVAILABLE, "node is not available"))
            if version is not None and VERSIONS.get(module) != version:
                return marked(_error(501, _UNIMPLEMENTED, "Not Implemented"))
            try:
                return marked(handler(call))
            except Refusal as refusal:
                return marked(refusal.reply)

        return guarded

    def deployments(self, call: Call) -> Reply:
        rows = [
            _item(one)
            for one in self._reading.visible(call.now)
            if _passes(call, {"owner": one.owner, "dseq": one.id, "state": one.state})
        ]
        return _page(call, "deployments", rows)

    def deployment(self, call: Call) -> Reply:
        found = self._estate.find(call.query.get("id.dseq", ""))
        if found is None or found.owner != call.query.get("id.owner"):
            return _error(404, _NOT_FOUND, "deployment not found")
        return Reply(_item(found))

    def market(self, call: Call) -> Reply:
        """Orders, bids or leases."""
        what = call.params["what"]
        listing: Mapping[str, Callable[[Deployment, Lot], Iterator[Json]]] = {
            "orders": _orders,
            "bids": _bids,
            "leases": _leases,
        }
        if what not in listing:
            return _error(501, _UNIMPLEMENTED, "Not Implemented")
        rows = [row for one in self._estate.every() for lot in one.lots for row in listing[what](one, lot)]
        return _page(call, what, [row for row in rows if _passes(call, _facts(row))])

    def providers(self, call: Call) -> Reply:
        return _page(call, "providers", [_provider(one) for one in self._estate.network.stock.providers])

    def provider(self, call: Call) -> Reply:
        found = self._estate.network.stock.find(call.params["owner"])
        if found is None:
            return _error(404, _NOT_FOUND, "provider not found")
        return Reply({"provider": _provider(found)})

    def block(self, call: Call) -> Reply:
        """The latest block, with the time at which it was made."""
        chain = self._estate.network.chain
        height = chain.height(call.now)
        time = chain.time_of(height).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        header = {"chain_id": "akashnet-2", "height": str(height), "time": time}
        block_id = {"hash": chain.transaction("block", height)}
        return Reply({"block_id": block_id, "block": {"header": header}})

    def balances(self, call: Call) -> Reply:
        mine = call.params["address"] == self._estate.owner
        amount = str(int(self._estate.funding.balance))
        rows = [{"denom": DENOM, "amount": amount}] if mine else []
        return Reply({"balances": rows, "pagination": {"next_key": None, "total": str(len(rows))}})


def _item(one: Deployment) -> Json:
    return {
        "deployment": {**view.deployment(one), "reclamation": None},
        "groups": [view.group(one, lot) for lot in one.lots],
        "escrow_account": view.escrow(one),
    }


def _orders(one: Deployment, lot: Lot) -> Iterator[Json]:
    group = view.group(one, lot)
    yield {
        "id": {**group["id"], "oseq": 1},
        "state": lot.order,
        "spec": group["group_spec"],
        "created_at": str(lot.height),
    }


def _bids(one: Deployment, lot: Lot) -> Iterator[Json]:
    for bid in lot.bids:
        yield view.bid(one, lot, bid)


def _leases(one: Deployment, lot: Lot) -> Iterator[Json]:
    if lot.lease:
        yield {
            "lease": view.lease(one, lot, lot.lease),
            "escrow_payment": view.payment(one, lot, lot.lease),
        }


def _facts(row: Json) -> Mapping[str, str]:
    """What a row of the market can be filtered by."""
    inner = row.get("bid") or row.get("lease") or row
    return {**{name: str(value) for name, value in inner["id"].items()}, "state": inner["state"]}


def _passes(call: Call, facts: Mapping[str, str]) -> bool:
    """Filters that are empty, or that the listing does not know, do not count."""
    for name, wanted in call.query.items():
        known = name.startswith("filters.") and name.removeprefix("filters.") in facts
        if known and wanted and facts[name.removeprefix("filters.")] != wanted:
            return False
    return True


def _provider(one: Provider) -> Json:
    return {
        "owner": one.owner,
        "host_uri": one.host_uri,
        "attributes": [{"key": key, "value": value} for key, value in one.attributes.items()],
        "info": {"email": f"hello@{one.host}", "website": ""},
        "synthetic": True,
    }


def _page(call: Call, name: str, rows: Sequence[Json]) -> Reply:
    """A page of rows. `total` says nothing unless it is asked for: never a reason to stop."""
    start, limit = _start(call), _number(call, "pagination.limit") or _LIMIT
    if call.query.get("pagination.reverse") == "true":
        rows = list(reversed(rows))
    page, end = rows[start : start + limit], start + limit
    key = base64.b64encode(f"at:{end}".encode()).decode() if end < len(rows) else None
    counted = call.query.get("pagination.count_total") == "true"
    total = len(rows) if counted else 0
    return Reply({name: list(page), "pagination": {"next_key": key, "total": str(total)}})


def _start(call: Call) -> int:
    offset, key = _number(call, "pagination.offset"), call.query.get("pagination.key")
    if offset and not call.query.get("filters.state"):
        message = "invalid request parameters. if offset is set, filter.state must be provided"
        raise Refusal(_error(400, _INVALID, message))
    if not key:
        return offset
    try:
        return int(base64.b64decode(key, validate=True).decode().removeprefix("at:"))
    except (binascii.Error, ValueError):
        raise Refusal(_error(400, _INVALID, "invalid pagination key")) from None


def _number(call: Call, name: str) -> int:
    text = call.query.get(name, "")
    if text and not (text.isascii() and text.isdecimal()):
        raise Refusal(_error(400, _INVALID, f"type mismatch, parameter: {name}"))
    return int(text or 0)


def _error(status: int, code: int, message: str) -> Reply:
    return Reply({"code": code, "message": message, "details": []}, status)
