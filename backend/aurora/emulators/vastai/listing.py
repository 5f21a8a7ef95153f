"""Lists of instances: filters, order and keyset pages (contract, section 6.2)."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.marketplace import World
from aurora.emulators.vastai import replies, view
from aurora.emulators.vastai.estate import Estate
from aurora.emulators.vastai.operators import holds, tests_of
from aurora.emulators.vastai.replies import BadRequest, BadToken

_MAX_PAGE = 25
_SMALL_PAGE = 5  # what a limit of 0 or less counts as
# Columns that are stored, so that one can filter and order by them; computed ones (dph_total, num_gpus) are refused.
_COLUMNS = frozenset(
    [
        "id",
        "label",
        "actual_status",
        "intended_status",
        "cur_state",
        "next_state",
        "machine_id",
        "host_id",
        "image_uuid",
        "image_runtype",
        "gpu_name",
        "verification",
        "start_date",
        "end_date",
        "is_bid",
        "geolocation",
        "disk_space",
        "template_id",
        "template_hash_id",
    ]
)

Instance = Mapping[str, Any]
Ordering = Sequence[tuple[str, bool]]  # column, descending


class Listing:
    def __init__(self, world: World, estate: Estate) -> None:
        self._faults = world.faults
        self._estate = estate

    def page(self, call: Call) -> Reply:
        """One page of the v1 list."""
        found = self._matching(call)
        order = _order(_json(call, "order_by", "[]"))
        rows = sorted(found, key=_sort_key(order))
        after = call.query.get("after_token")
        if after:
            last = _sort_key(order)(_read_token(after, order))
            rows = [row for row in rows if _sort_key(order)(row) > last]
        limit = _limit(call.query.get("limit"))
        page, more = rows[:limit], len(rows) > limit
        return replies.done(
            instances_found=len(page),
            total_instances=len(found),
            label_counts=dict(Counter(row["label"] or "" for row in found)),
            next_token=_token(page[-1], order) if more else None,
            instances=[_selected(row, _json(call, "select_cols", '["*"]')) for row in page],
            emulated=True,
        )

    def old_list(self, call: Call) -> Reply:
        """All in one reply; deprecated, but in use."""
        rows = self._visible(call.now)
        return Reply({"instances_found": len(rows), "instances": rows})

    def filters(self, call: Call) -> Reply:
        names = ("actual_status", "verification", "gpu_name")
        self._estate.advance(call.now)
        rows = [view.instance(rental, call.now) for rental in self._estate.living()]
        seen = {tuple(row[name] for name in names): None for row in rows}
        return Reply({"filters": [dict(zip(names, values, strict=True)) for values in seen]})

    def _visible(self, now: datetime) -> list[Instance]:
        """All instances as the list knows them: a lagging list does not show the youngest."""
        self._estate.advance(now)
        lag = self._faults.take("list_lag")
        youngest = now - timedelta(seconds=lag["seconds"]) if lag else now
        return [
            view.instance(rental, now) for rental in self._estate.living() if rental.created_at <= youngest
        ]

    def _matching(self, call: Call) -> list[Instance]:
        wanted = _json(call, "select_filters", "{}")
        if not isinstance(wanted, dict):
            raise BadRequest("Error in query parameters: select_filters must be an object")
        tests = {_column(name): tests_of(name, condition) for name, condition in wanted.items()}
        rows = self._visible(call.now)
        return [row for row in rows if all(holds(row[name], test) for name, test in tests.items())]


def _json(call: Call, name: str, default: str) -> Any:
    try:
        return json.loads(call.query.get(name) or default)
    except ValueError:
        raise BadRequest(f"Error in query parameters: {name} is not valid JSON") from None


def _column(name: Any) -> str:
    if name not in _COLUMNS:
        raise BadRequest(f"Error in query parameters: {name} is not a valid search key")
    return str(name)


def _limit(value: str | None) -> int:
    try:
        limit = int(value or _MAX_PAGE)
    except ValueError:
        raise BadRequest("Error in query parameters: limit must be an integer") from None
    return min(limit, _MAX_PAGE) if limit > 0 else _SMALL_PAGE


def _order(value: Any) -> Ordering:
    """The columns asked for, with `id` as the last tie-breaker."""
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise BadRequest("Error in query parameters: order_by must be a list of objects")
    columns = [(_column(part.get("col")), part.get("dir") == "desc") for part in value]
    return columns if any(name == "id" for name, _ in columns) else [*columns, ("id", False)]


def _sort_key(order: Ordering) -> Callable[[Instance], tuple["_Key", ...]]:
    return lambda row: tuple(_Key(row.get(name), descending) for name, descending in order)


class _Key:
    """A value in a sort key: null first, turned round when descending."""

    def __init__(self, value: Any, descending: bool) -> None:  # noqa: FBT001 - a pair from the ordering
        self.value = (value is not None, value)
        self.descending = descending

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.value == other.value

    def __lt__(self, other: "_Key") -> bool:
        one, two = (other, self) if self.descending else (self, other)
        if one.value[0] != two.value[0]:
            return one.value[0] < two.value[0]
        return bool(one.value[0] and one.value[1] < two.value[1])

    def __gt__(self, other: "_Key") -> bool:
        return other < self

    def __hash__(self) -> int:
        return hash((self.value, self.descending))


def _token(row: Instance, order: Ordering) -> str:
    values = {name: row[name] for name, _ in order}
    return base64.b64encode(json.dumps({"values": values}).encode()).decode()


def _read_token(token: str, order: Ordering) -> Instance:
    try:
        values = json.loads(base64.b64decode(token, validate=True))["values"]
        return {name: values[name] for name, _ in order}
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise BadToken from None


def _selected(row: Instance, columns: Any) -> Instance:
    """Unknown names come back as null (section 6.2)."""
    if not isinstance(columns, list) or "*" in columns:
        return row
    return {str(name): row.get(str(name)) for name in columns}
