"""io.net's deployments into sightings. Pure. `CaaSResourceStatus` and the fields are [seen], the graph is a [guess]."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from aurora.domain.instance import Instance, InstanceState
from aurora.domain.money import usd
from aurora.providers.fields import Fields
from aurora.providers.ionet import money
from aurora.providers.ionet.money import RefundRule
from aurora.providers.ionet.offer_id import deployment_id
from aurora.providers.web_address import web_endpoint

_S = InstanceState
REQUESTED = "deployment requested"
RUNNING = "running"
COMPLETED = "completed"
FAILED = "failed"
ENDING = "termination requested"
DESTROYED = "destroyed"

STATES: Mapping[str, InstanceState] = {
    REQUESTED: _S.STARTING,
    # Billed from here on, whether its address is published or not.
    RUNNING: _S.RUNNING,
    # The paid time was used up: the workload was not asked to end.
    COMPLETED: _S.STOPPED,
    FAILED: _S.FAILED,
    ENDING: _S.ENDING,
}
"""Compared in small letters. A value that we do not know is UNKNOWN, which never means failed."""
PAST = frozenset({COMPLETED, FAILED, DESTROYED})
"""Nothing runs and nothing is billed any more; the market lists them for ever."""
_LONGEST_PAID_MINUTES = 60 * 24 * 3650
_ATTRIBUTES = ("hardware_name", "hardware_id", "total_gpus", "completed_percent")


@dataclass(frozen=True, slots=True)
class Worker:
    """One container."""

    id: str
    status: str
    url: str | None
    last_event: str | None


def status_of(fields: Fields) -> str:
    """The status in small letters; Odd without one."""
    return fields.need_text("status").lower()


def instance(fields: Fields, *, provider: str, now: datetime, refund: RefundRule) -> Instance:
    """One sighting, from the details or from a row of the list. Raises Odd."""
    status = status_of(fields)
    state = STATES.get(status, _S.STOPPED if status == DESTROYED else _S.UNKNOWN)
    minutes = _minutes(fields)
    left = _remaining(fields)
    return Instance(
        provider=provider,
        external_id=_id(provider, fields),
        name=fields.text("name", limit=256),
        state=state,
        raw_state=status,
        message=_message(status, left, refund),
        usd_per_hour=money.rate(_amount(fields), minutes) if status in {REQUESTED, RUNNING} else None,
        paid_until=_paid_until(fields, left, now) if status == RUNNING else None,
        charged_usd=_amount(fields),
        over=status in PAST,
        started_at=fields.iso_moment("started_at"),
        attributes=_attributes(fields),
    )


def with_workers(seen: Instance, workers: Iterable[Worker], *, port: int | None) -> Instance:
    """The sighting with what its containers say: where it is reached, and what it is doing until it is."""
    found = list(workers)
    endpoints = tuple(
        endpoint
        for worker in found
        if worker.status == RUNNING and (endpoint := web_endpoint(worker.url, port=port or "http"))
    )
    said = next((worker.last_event for worker in found if worker.last_event), None)
    return replace(seen, endpoints=endpoints, message=seen.message or (None if endpoints else said))


def traffic_port(fields: Fields) -> int | None:
    """The container's one port."""
    return fields.object("container_config").integer("traffic_port")


def workers(rows: Iterable[object]) -> tuple[Worker, ...]:
    """The containers that can be read; none while the deployment is being placed."""
    found = []
    for row in rows:
        fields = Fields(row if isinstance(row, dict) else {})
        identity = fields.text("container_id", limit=80)
        if identity is not None:
            found.append(
                Worker(
                    identity,
                    (fields.text("status", limit=60) or "").lower(),
                    fields.text("public_url", limit=500),
                    _last_event(fields.raw("container_events")),
                )
            )
    return tuple(found)


def _id(provider: str, fields: Fields) -> str:
    found = fields.need_text("id")
    return deployment_id(provider, found)


def _minutes(fields: Fields) -> int | None:
    """Paid minutes, used and unused."""
    served, left = fields.integer("compute_minutes_served"), _remaining(fields)
    if served is None or left is None or served < 0 or served + left > _LONGEST_PAID_MINUTES:
        return None
    return served + left


def _remaining(fields: Fields) -> int | None:
    left = fields.integer("compute_minutes_remaining")
    return left if left is not None and 0 <= left <= _LONGEST_PAID_MINUTES else None


def _paid_until(fields: Fields, left: int | None, now: datetime) -> datetime | None:
    """From the start, where it is known: remaining minutes are rounded, paid hours are not."""
    minutes, started = _minutes(fields), fields.iso_moment("started_at")
    if minutes is not None and started is not None:
        return started + timedelta(hours=money.paid_hours(minutes))
    return None if left is None else now + timedelta(minutes=left)


def _amount(fields: Fields) -> Decimal | None:
    """What was paid for it in all; None where it is not said (rows of the list)."""
    found = fields.number("amount_paid")
    return usd(found) if found is not None and found >= 0 else None


def _message(status: str, left: int | None, refund: RefundRule) -> str | None:
    if status == COMPLETED:
        return "the paid time is used up"
    if status in {ENDING, DESTROYED, FAILED}:
        return money.unused(left, refund)
    return None


def _last_event(value: object) -> str | None:
    """`[{"time", "message"}]` or null."""
    if not isinstance(value, list) or not value or not isinstance(value[-1], dict):
        return None
    return Fields(value[-1]).text("message", limit=300)


def _attributes(fields: Fields) -> dict[str, str]:
    """What is kept beside the contract's fields. Never the container's configuration."""
    found = {name: fields.raw(name) for name in _ATTRIBUTES}
    place = fields.raw("locations")
    if isinstance(place, list) and place and isinstance(place[0], dict):
        found["location"] = place[0].get("iso2")
    return {
        name: str(value)[:120]
        for name, value in found.items()
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    }
