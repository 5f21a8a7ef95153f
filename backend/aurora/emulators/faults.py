"""The kinds of faults an emulator can be told to show, and the checks on their parameters.

A kind belongs to a stage of a call: HOLD and INSTEAD come before the provider acts (so nothing happens, unless the fault says
`"effect": true`), SPOIL changes the true answer, DELAY and SEND change how it travels, STATE changes what the provider does.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

OPERATIONS = (
    *("offers", "quote", "create", "status", "list", "logs", "terminate", "health"),
    *("bids", "lease", "manifest", "deposit", "token"),  # of auction markets
    "extend",  # of markets that sell hours in advance
)
ANY = "*"
_SAME = {"bids": "quote"}  # a bid is an auction's quote; the journal counts it as one
MEBIBYTE = 1 << 20


class Stage(StrEnum):
    DELAY = "delay"
    HOLD = "hold"
    INSTEAD = "instead"
    SPOIL = "spoil"
    SEND = "send"
    STATE = "state"


class BadFault(ValueError):
    """A fault that cannot be installed; `field` names the offending entry."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Fault:
    """One installed fault. `count` None means for ever; `parameters` are complete (defaults filled in)."""

    id: int
    kind: str
    operation: str
    count: int | None
    probability: float
    parameters: Mapping[str, Any]
    created_at: datetime

    @property
    def stage(self) -> Stage:
        return KINDS[self.kind].stage

    def matches(self, operation: str) -> bool:
        return _SAME.get(self.operation, self.operation) in {ANY, operation}

    def __getitem__(self, parameter: str) -> Any:
        return self.parameters[parameter]


@dataclass(frozen=True)
class Parameter:
    fits: Callable[[Any], bool]
    says: str
    default: Any = None
    required: bool = False


@dataclass(frozen=True)
class Kind:
    """`only` limits a stateful kind to the operation where it makes sense."""

    stage: Stage
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    only: str | None = None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_status(value: Any) -> bool:
    return _is_count(value) and 200 <= value <= 599


def _is_not_negative(value: Any) -> bool:
    return _is_number(value) and value >= 0


_EFFECT = Parameter(lambda v: isinstance(v, bool), "must be true or false", default=False)
_MS = Parameter(_is_not_negative, "must be a number of milliseconds, 0 or more", required=True)

KINDS: Mapping[str, Kind] = {
    "latency": Kind(Stage.DELAY, {"ms": _MS}),
    "hang": Kind(Stage.HOLD, {"effect": _EFFECT}),
    "status": Kind(
        Stage.INSTEAD,
        {
            "code": Parameter(_is_status, "must be an HTTP status, 200 to 599", required=True),
            "body": Parameter(lambda _: True, "", default=""),
            "headers": Parameter(_is_headers, "must map names to texts", default={}),
            "effect": _EFFECT,
        },
    ),
    "html": Kind(Stage.INSTEAD, {"effect": _EFFECT}),
    "reset": Kind(Stage.INSTEAD),
    "redirect": Kind(
        Stage.INSTEAD,
        {
            "location": Parameter(_is_text, "must be a URL", default="http://elsewhere.invalid/"),
            "code": Parameter(
                lambda v: v in {301, 302, 303, 307, 308}, "must be 301, 302, 303, 307 or 308", default=302
            ),
        },
    ),
    "oversize": Kind(
        Stage.INSTEAD,
        {"bytes": Parameter(_is_count, "must be a whole number above 0", default=64 * MEBIBYTE)},
    ),
    "gzip_bomb": Kind(
        Stage.INSTEAD,
        {"bytes": Parameter(_is_count, "must be a whole number above 0", default=256 * MEBIBYTE)},
    ),
    "garbage_type": Kind(
        Stage.SPOIL,
        {"level": Parameter(lambda v: v in {None, "envelope", "items"}, "must be envelope or items")},
    ),
    "missing_field": Kind(
        Stage.SPOIL, {"field": Parameter(lambda v: v is None or _is_text(v), "must be a key")}
    ),
    "empty_list": Kind(Stage.SPOIL),
    "truncate": Kind(Stage.SEND),
    "slow_drip": Kind(
        Stage.SEND, {"ms": Parameter(_is_not_negative, "must be milliseconds, 0 or more", default=10)}
    ),
    "lost_response": Kind(Stage.SEND),
    "list_lag": Kind(
        Stage.STATE,
        {"seconds": Parameter(_is_not_negative, "must be seconds, 0 or more", required=True)},
        only="list",
    ),
    "delete_ignored": Kind(Stage.STATE, only="terminate"),
    "charge_factor": Kind(
        Stage.STATE,
        {"k": Parameter(_is_not_negative, "must be a factor, 0 or more", required=True)},
        only="create",
    ),
    "start_failure": Kind(Stage.STATE, only="create"),
    "never_starts": Kind(Stage.STATE, only="create"),
}

_FRAME = frozenset({"kind", "operation", "count", "probability"})


def parse(document: Any, *, fault_id: int, now: datetime) -> Fault:
    """A fault from its JSON description. Raises BadFault with the first field that is wrong."""
    if not isinstance(document, dict):
        raise BadFault("body", "must be a JSON object")
    kind = KINDS.get(document.get("kind") or "") if isinstance(document.get("kind"), str) else None
    if kind is None:
        raise BadFault("kind", f"must be one of {', '.join(KINDS)}")
    return Fault(
        id=fault_id,
        kind=document["kind"],
        operation=_operation(document.get("operation", ANY), kind),
        count=_count(document.get("count")),
        probability=_probability(document.get("probability", 1)),
        parameters=_parameters(document, kind),
        created_at=now,
    )


def _operation(value: Any, kind: Kind) -> str:
    if value != ANY and value not in OPERATIONS:
        raise BadFault("operation", f"must be one of {', '.join(OPERATIONS)} or *")
    if kind.only and value not in {ANY, kind.only}:
        raise BadFault("operation", f"this kind acts on {kind.only} only")
    return kind.only or str(value)


def _count(value: Any) -> int | None:
    if value is not None and not _is_count(value):
        raise BadFault("count", "must be a whole number above 0, or null for ever")
    return None if value is None else int(value)


def _probability(value: Any) -> float:
    if not _is_number(value) or not 0 <= value <= 1:
        raise BadFault("probability", "must be a number from 0 to 1")
    return float(value)


def _parameters(document: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    for name in document:
        if name not in _FRAME and name not in kind.parameters:
            raise BadFault(name, "is not a parameter of this kind")
    return {name: _parameter(document, name, rule) for name, rule in kind.parameters.items()}


def _parameter(document: Mapping[str, Any], name: str, rule: Parameter) -> Any:
    if name not in document:
        if rule.required:
            raise BadFault(name, "is required for this kind")
        return rule.default
    if not rule.fits(document[name]):
        raise BadFault(name, rule.says)
    return document[name]
