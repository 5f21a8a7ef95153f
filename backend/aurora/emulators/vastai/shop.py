"""The buying side: search in its three forms, create, and the names of GPUs (contract, sections 3 to 5)."""

import json
import random
from collections.abc import Mapping
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.marketplace import World
from aurora.emulators.vastai import replies
from aurora.emulators.vastai.estate import Estate
from aurora.emulators.vastai.offer import Question
from aurora.emulators.vastai.order import BadOrder, Order, parse_order
from aurora.emulators.vastai.rental import Phase
from aurora.emulators.vastai.search import REAL_ROW_CAP, RELAXED_ROW_CAP, matching, parse_query, shown


class Shop:
    def __init__(self, world: World, estate: Estate) -> None:
        realistic = world.options.realistic
        self._estate = estate
        self._cap = REAL_ROW_CAP if realistic else RELAXED_ROW_CAP
        self._sampler = random.Random(f"{world.options.seed}:vastai:sample") if realistic else None
        offers = list(estate.inventory.offers())
        derived = offers[0].answer(Question(world.clock.now())) if offers else {}
        self._known = frozenset({*derived, "rentable", "rented"}.union(*(offer.fields for offer in offers)))

    def bundles(self, call: Call) -> Reply:
        return self._found(call, call.json())

    def bundles_by_get(self, call: Call) -> Reply:
        """The query as JSON in the parameter `q` (section 3, seen in other clients)."""
        return self._found(call, json.loads(call.query.get("q") or "{}"))

    def asks(self, call: Call) -> Reply:
        """The newer form: the same query under `q`."""
        return self._found(call, replies.flat(call.json()).get("q") or {})

    def create(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        try:
            offer_id = int(call.params["id"])
        except ValueError:
            return replies.bad_create(
                "invalid_args", "Invalid args: 'id' is required and must be a valid offer ID", None
            )
        return self._created(offer_id, replies.flat(call.json()))

    def create_many(self, call: Call) -> Reply:
        """One create after another for each of `ids`. The reply's shape is a guess: the contract does not show one."""
        self._estate.advance(call.now)
        body = replies.flat(call.json())
        ids = body.get("ids")
        if not isinstance(ids, list) or not all(isinstance(one, int) for one in ids):
            return replies.bad_create("invalid_args", "Invalid args: ids must be a list of offer IDs", None)
        results = [self._created(one, body) for one in ids]
        return Reply(
            {
                "success": all(reply.status == 200 for reply in results),
                "results": [reply.body for reply in results],
            }
        )

    def gpu_names(self, _: Call) -> Reply:
        return Reply({"gpu_names": list(self._estate.inventory.names())})

    def gpu_types(self, _: Call) -> Reply:
        return Reply({"gpu_types": list(self._estate.inventory.names())})

    def _found(self, call: Call, body: Any) -> Reply:
        self._estate.advance(call.now)
        query = parse_query(replies.flat(body), now=call.now, known=self._known)
        rows = shown(matching(query, self._estate.inventory), query, cap=self._cap, sampler=self._sampler)
        return Reply({"offers": [row.wire() for row in rows]})

    def _created(self, offer_id: int, body: Mapping[str, Any]) -> Reply:
        try:
            order = parse_order(body)
        except BadOrder as exc:
            return replies.bad_create(exc.code, str(exc), offer_id)
        return self._rented(offer_id, order)

    def _rented(self, offer_id: int, order: Order) -> Reply:
        estate = self._estate
        offer = estate.inventory.find(offer_id)
        if offer is None:
            return replies.unknown_offer(offer_id)
        if order.disk_gb > offer.fields["disk_space"]:
            return replies.bad_create(
                "invalid_args", "Invalid args: disk exceeds the offer's disk_space", offer_id
            )
        if estate.credit() <= 0:
            return replies.bad_create(
                "insufficient_credit", "Your account lacks credit; see the billing page.", offer_id
            )
        low = order.price is not None and order.price < offer.min_bid
        if not estate.inventory.is_free(offer, estate.now) or (low and order.cancel_unavail):
            return replies.taken_offer(offer_id)
        rental = estate.rent(offer, order)
        if low and rental.phase is Phase.STOPPED:
            reason = f"bid {order.price} is below the minimum {offer.min_bid}"
            return replies.bad_create("bid_too_low", reason, offer_id, new_contract=rental.id)
        return replies.done(new_contract=rental.id, instance_api_key=rental.api_key)


def is_quote(call: Call) -> bool:
    """Whether a search asks for one offer by its id: a look at a price, not at the market."""
    try:
        body = json.loads(call.query["q"]) if "q" in call.query else call.json()
    except ValueError:
        return False
    inner = body.get("q", body) if isinstance(body, dict) else {}
    return isinstance(inner, dict) and not {"ask_contract_id", "id"}.isdisjoint(inner)
