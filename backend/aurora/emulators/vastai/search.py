"""Search of the market: filters, prices for the question asked, order, and how much of it is shown (contract, section 4)."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from aurora.emulators.vastai.inventory import Inventory
from aurora.emulators.vastai.offer import Offer, Question
from aurora.emulators.vastai.operators import holds, tests_of
from aurora.emulators.vastai.replies import BadRequest

REAL_ROW_CAP = 64
RELAXED_ROW_CAP = 10_000
_TYPES = {"on-demand": False, "ondemand": False, "reserved": False, "bid": True, "interruptible": True}
_OPTIONS = frozenset(
    [
        "type",
        "order",
        "limit",
        "allocated_storage",
        "disable_bundling",
        "extra_ids",
        "target_reliability",
        "chunked",
        "georegion",
        "select_cols",
        "client_id",
        "owner",
    ]
)
# Filter names that are not (or not always) fields of a reply.
_VIRTUAL = frozenset(
    {"verified", "datacenter", "external", "rented", "rentable", "cuda_vers", "ubuntu_version", "id"}
)
_MIN_DISK_GB = 0.0
_FIXED = ("gpu_name", "ask_contract_id", "machine_id")
"""Fields of an offer that depend neither on the question nor on who holds its GPUs."""


@dataclass(frozen=True)
class Query:
    """A search as understood: filters by field, ordering, how many rows, and the question of price."""

    filters: Mapping[str, Mapping[str, Any]]
    order: Sequence[tuple[str, bool]]  # field, descending
    limit: int | None
    question: Question


@dataclass(frozen=True)
class Row:
    """An offer with what depends on the question and on who holds its GPUs."""

    offer: Offer
    answer: Mapping[str, Any]

    def __getitem__(self, field: str) -> Any:
        return self.answer[field] if field in self.answer else self.offer.fields.get(field)

    def wire(self) -> dict[str, Any]:
        return {**self.offer.fields, **self.answer}


def parse_query(body: Mapping[str, Any], *, now: datetime, known: frozenset[str]) -> Query:
    """Read a flat search body. Raises BadRequest; field names that no offer has are refused (our choice: undocumented)."""
    filters = {name: tests_of(name, condition) for name, condition in body.items() if name not in _OPTIONS}
    unknown = next((name for name in filters if name not in known | _VIRTUAL), None)
    if unknown is not None:
        raise BadRequest(f"Error in query parameters: {unknown} is not a valid search key")
    filters.setdefault("rentable", {"eq": True})
    kind = body.get("type") or "on-demand"
    if kind not in _TYPES:
        raise BadRequest(f"Invalid type {kind}")
    storage = _number(body.get("allocated_storage"), name="allocated_storage", default=8.0)
    if storage < _MIN_DISK_GB:
        raise BadRequest("Invalid allocated_storage")
    limit = body.get("limit")
    return Query(
        filters=filters,
        order=_order(body.get("order"), known),
        limit=None if limit is None else int(_number(limit, name="limit", default=0.0)),
        question=Question(now, storage, bid=_TYPES[kind]),
    )


def matching(query: Query, inventory: Inventory) -> list[Row]:
    """Every offer that passes the filters, unordered."""
    fixed = [(name, query.filters[name]) for name in _FIXED if name in query.filters]
    # Rows cost: what these filters refuse is never priced.
    asked = (
        offer
        for offer in inventory.offers()
        if all(holds(offer.fields.get(name), tests) for name, tests in fixed)
    )
    rows = (_row(offer, query=query, inventory=inventory) for offer in asked)
    return [row for row in rows if all(_passes(row, name, query.filters) for name in query.filters)]


def shown(rows: list[Row], query: Query, *, cap: int, sampler: random.Random | None) -> list[Row]:
    """The rows of the reply. Without an order a full market is sampled, not cut (section 4.1), if there is a sampler."""
    limit = cap if query.limit is None else max(0, min(cap, query.limit))
    if not query.order and sampler is not None and len(rows) > limit:
        return sampler.sample(rows, limit)
    return _sorted(rows, query.order or (("score", True),))[:limit]


def _row(offer: Offer, *, query: Query, inventory: Inventory) -> Row:
    now = query.question.now
    free = inventory.is_free(offer, now)
    return Row(
        offer,
        {**offer.answer(query.question), "rentable": free, "rented": not free and inventory.is_ours(offer)},
    )


def _passes(row: Row, name: str, filters: Mapping[str, Mapping[str, Any]]) -> bool:
    tests = filters[name]
    if name == "rentable" and row["rented"] and holds(True, filters.get("rented", {"eq": False})):
        return True  # `rented` asks to see the caller's own machines as well
    if name == "rented":
        return not row["rented"] or holds(True, tests)
    if name == "geolocation":
        return _in_country(row[name], tests)
    return holds(_filtered_value(row, name), tests)


def _filtered_value(row: Row, name: str) -> Any:
    """What a filter name compares with: several are not fields of the reply (section 4.1)."""
    if name == "verified":
        return row["verification"] == "verified"
    if name == "datacenter":
        return row["hosting_type"] == 1
    if name == "external":
        return bool(row["external"])
    if name == "id":
        return None  # on the live service a filter on `id` matched nothing (section 4.1)
    return row[{"cuda_vers": "cuda_max_good", "ubuntu_version": "os_version"}.get(name, name)]


def _in_country(place: str | None, tests: Mapping[str, Any]) -> bool:
    """Two-letter codes match the end of the string, longer texts the whole of it (section 4.1)."""
    if place is None:
        return all(name in {"neq", "notin"} for name in tests)
    return all(
        holds(place[-2:].upper() if _is_code(wanted) else place, {name: _upper_codes(wanted)})
        for name, wanted in tests.items()
    )


def _is_code(wanted: Any) -> bool:
    values = wanted if isinstance(wanted, list) else [wanted]
    return all(isinstance(value, str) and len(value) == 2 for value in values)


def _upper_codes(wanted: Any) -> Any:
    if not _is_code(wanted):
        return wanted
    return [value.upper() for value in wanted] if isinstance(wanted, list) else wanted.upper()


def _sorted(rows: list[Row], order: Sequence[tuple[str, bool]]) -> list[Row]:
    """Stable over equal values: ids decide last. Unknown values come last in both directions."""
    rows = sorted(rows, key=lambda row: row.offer.id)
    for field, descending in reversed(order):
        with_value = [row for row in rows if _sortable(row[field])]
        without = [row for row in rows if not _sortable(row[field])]
        try:
            rows = sorted(with_value, key=itemgetter(field), reverse=descending) + without
        except TypeError:
            raise BadRequest(f"Cannot order by {field}") from None
    return rows


def _sortable(value: Any) -> bool:
    return isinstance(value, int | float | str)


def _order(value: Any, known: frozenset[str]) -> list[tuple[str, bool]]:
    if value is None:
        return []
    pairs = value if isinstance(value, list) else None
    if pairs is None or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise BadRequest("Invalid order")
    for field, direction in pairs:
        if field not in known or direction not in {"asc", "desc"}:
            raise BadRequest(f"Invalid order: {field} {direction}")
    return [(field, direction == "desc") for field, direction in pairs]


def _number(value: Any, *, name: str, default: float) -> float:
    if value is None:
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadRequest(f"Invalid {name}") from None
