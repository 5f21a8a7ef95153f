"""Deployments, attempts and events as rows of their tables, and back."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Row

from aurora.db import tables
from aurora.domain.deployment import AttemptState, DeploymentStatus
from aurora.domain.offer import PriceKind
from aurora.domain.records import Attempt, Deployment, DeploymentEvent

_Encoded = Mapping[str, Callable[[Any], Any]]
"""Columns whose value is not the field's own."""

_DEPLOYMENT = tuple(column.name for column in tables.deployments.columns)
_ATTEMPT = tuple(column.name for column in tables.attempts.columns)
_deployment_fields = attrgetter(*_DEPLOYMENT)
_attempt_fields = attrgetter(*_ATTEMPT)
_OF_DEPLOYMENT: _Encoded = {"status": str, "request": dict}
_OF_ATTEMPT: _Encoded = {
    "state": str,
    "price_kind": str,
    "resources": sorted,
    "endpoints": lambda every: [dict(one) for one in every],
}


def row_of(value: Deployment) -> dict[str, Any]:
    """The columns of `deployments`."""
    return _encoded(dict(zip(_DEPLOYMENT, _deployment_fields(value), strict=True)), _OF_DEPLOYMENT)


def attempt_row_of(value: Attempt) -> dict[str, Any]:
    """The columns of `attempts`."""
    return _encoded(dict(zip(_ATTEMPT, _attempt_fields(value), strict=True)), _OF_ATTEMPT)


def event_row_of(one: DeploymentEvent) -> dict[str, Any]:
    """The columns of `deployment_events` that the database does not count up."""
    return {
        "deployment_id": one.deployment_id,
        "at": one.at,
        "kind": one.kind,
        "attempt": one.attempt,
        "message": one.message,
        "data": dict(one.data),
    }


def changes(before: Deployment, after: Deployment) -> dict[str, Any]:
    """The columns of `deployments` that are no longer what they were."""
    return _encoded(_differing(_DEPLOYMENT, _deployment_fields, before, after), _OF_DEPLOYMENT)


def attempt_changes(before: Attempt, after: Attempt) -> dict[str, Any]:
    """The columns of `attempts` that are no longer what they were."""
    return _encoded(_differing(_ATTEMPT, _attempt_fields, before, after), _OF_ATTEMPT)


def _differing(
    names: tuple[str, ...], fields: Callable[[Any], tuple[Any, ...]], before: object, after: object
) -> dict[str, Any]:
    pairs = zip(names, fields(before), fields(after), strict=True)
    return {name: new for name, old, new in pairs if old is not new and old != new}


def _encoded(values: dict[str, Any], encoders: _Encoded) -> dict[str, Any]:
    for name, encode in encoders.items():
        if name in values:
            values[name] = encode(values[name])
    return values


def deployment_of(row: Row[Any]) -> Deployment:
    """`row` has the columns in the table's order."""
    values = dict(zip(_DEPLOYMENT, row, strict=True))
    values["status"] = DeploymentStatus(values["status"])
    return Deployment(**values)


def attempt_of(row: Row[Any]) -> Attempt:
    """`row` has the columns in the table's order."""
    values = dict(zip(_ATTEMPT, row, strict=True))
    values["state"] = AttemptState(values["state"])
    values["price_kind"] = PriceKind(values["price_kind"])
    values["resources"] = frozenset(values["resources"])
    values["endpoints"] = tuple(values["endpoints"])
    return Attempt(**values)
