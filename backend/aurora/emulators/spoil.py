"""Faults that change a true answer: wrong types, missing keys, no rows. Pure."""

from collections.abc import Mapping
from typing import Any

from aurora.emulators.exchange import Endpoint, Reply
from aurora.emulators.faultbook import Drawn


def spoiled(reply: Reply, *, hit: Drawn, endpoint: Endpoint) -> Reply:
    """The reply as the fault leaves it; answers that are neither JSON objects nor lists pass unchanged."""
    if isinstance(reply.body, list):
        return _spoiled_rows(reply, hit=hit, endpoint=endpoint)
    if not isinstance(reply.body, dict):
        return reply
    fault = hit.fault
    if fault.kind == "garbage_type":
        level = fault["level"] or ("envelope" if hit.hits % 2 else "items")
        return reply.with_body(_garbled(reply.body, level=level))
    if fault.kind == "missing_field":
        return reply.with_body(
            _without(reply.body, names=[fault["field"]] if fault["field"] else endpoint.required)
        )
    return reply.with_body({**reply.body, **endpoint.empty})


def _spoiled_rows(reply: Reply, *, hit: Drawn, endpoint: Endpoint) -> Reply:
    """A bare list is spoiled like the only value of an object."""
    if hit.fault.kind == "empty_list":
        return reply.with_body([])
    inner = spoiled(reply.with_body({"rows": reply.body}), hit=hit, endpoint=endpoint)
    return reply.with_body(inner.body["rows"])


def _without(body: Mapping[str, Any], *, names: tuple[str, ...] | list[str]) -> dict[str, Any]:
    """Drop the first of `names` that is there: from the object itself, else from the rows and objects in it."""
    name = next((n for n in names if n in body), None)
    if name is not None:
        return {k: v for k, v in body.items() if k != name}
    return {key: _stripped(value, names=names) for key, value in body.items()}


def _stripped(value: Any, *, names: tuple[str, ...] | list[str]) -> Any:
    if isinstance(value, list):
        return [_stripped(item, names=names) for item in value]
    if isinstance(value, dict):
        return {k: v for k, v in value.items() if k not in names}
    return value


def _garbled(body: Mapping[str, Any], *, level: str) -> dict[str, Any]:
    """`envelope` spoils the top-level values, `items` what the lists and objects among them hold."""
    inner = {key for key, value in body.items() if isinstance(value, list | dict) and value}
    if level == "items" and inner:
        return {
            key: _wrong(value, turn=0, deep=True) if key in inner else value for key, value in body.items()
        }
    return {key: _wrong(value, turn=place, deep=False) for place, (key, value) in enumerate(body.items())}


def _wrong(value: Any, *, turn: int, deep: bool) -> Any:
    """A value of another type: numbers become texts or lists, lists become numbers, objects and texts lists, truths texts."""
    if deep and isinstance(value, list):
        return [
            _wrong(item, turn=turn + place, deep=isinstance(item, dict)) for place, item in enumerate(value)
        ]
    if deep and isinstance(value, dict):
        return {
            key: _wrong(item, turn=turn + place, deep=False)
            for place, (key, item) in enumerate(value.items())
        }
    if isinstance(value, bool):
        return "maybe"
    if isinstance(value, int | float):
        return [value] if turn % 2 else "many"
    if isinstance(value, list):
        return len(value)
    return [value]
