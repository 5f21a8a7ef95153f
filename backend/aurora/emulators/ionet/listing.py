"""The list of deployments, past ones included, the newest first (contract, section 3.7)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.ionet import replies, view
from aurora.emulators.ionet.deployment import Deployment, Phase
from aurora.emulators.ionet.estate import Estate

_DEFAULT_SIZE, _MAX_SIZE = 10, 100
_STATUSES = frozenset(map(str, Phase))
Row = TypeVar("Row")


class Listing:
    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def page(self, call: Call) -> Reply:
        """Unknown parameters are ignored; `sort_order=asc` turns the order round, as a client's code has it."""
        status = call.query.get("status")
        if status is not None and status.lower() not in _STATUSES:
            raise replies.wrong(["query", "status"], f"Input should be one of {sorted(_STATUSES)}", "enum")
        found = [one for one in self._visible(call) if status is None or one.status.lower() == status.lower()]
        if call.query.get("sort_order") != "asc":
            found.reverse()
        page = page_of(call, found, first=self._estate.knobs.first_page, size=_DEFAULT_SIZE)
        data: dict[str, Any] = {
            "deployments": [view.listed(one, call.now) for one in page],
            "total": len(found),
            "statuses": sorted({one.status for one in found}),
        }
        return Reply({"data": data})

    def _visible(self, call: Call) -> list[Deployment]:
        """A lagging list does not show the youngest."""
        fault = self._estate.faults.take("list_lag")
        lag = max(self._estate.knobs.list_lag_s, fault["seconds"] if fault else 0)
        youngest = call.now - timedelta(seconds=lag)
        return [one for one in self._estate.every() if one.created_at <= youngest]


def page_of(call: Call, rows: Sequence[Row], *, first: int, size: int) -> Sequence[Row]:
    """One page of the rows; 422 for a page before the first, or a size that is not allowed."""
    number = _number(call, "page", default=first, least=first, most=None)
    length = _number(call, "page_size", default=size, least=1, most=_MAX_SIZE)
    start = (number - first) * length
    return rows[start : start + length]


def _number(call: Call, name: str, *, default: int, least: int, most: int | None) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not text.removeprefix("-").isdecimal():
        msg = "Input should be a valid integer, unable to parse string as an integer"
        raise replies.wrong(["query", name], msg, "int_parsing")
    number = int(text)
    if number < least:
        msg = f"Input should be greater than or equal to {least}"
        raise replies.wrong(["query", name], msg, "greater_than_equal")
    if most is not None and number > most:
        raise replies.wrong(
            ["query", name], f"Input should be less than or equal to {most}", "less_than_equal"
        )
    return number
