"""The gateway contract's jobs into sightings. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from aurora.domain.errors import InstanceNotFound
from aurora.domain.instance import Endpoint, Instance, InstanceState
from aurora.domain.money import usd
from aurora.providers.container import HIGHEST_PORT
from aurora.providers.fields import Fields, Odd
from aurora.providers.gateway.offers import HIGHEST_USD_PER_HOUR, is_id
from aurora.providers.redaction import Redactor

ACTIVE = "queued,provisioning,running,stopping"
"""For the list's filter."""

_S = InstanceState
_STATES: Mapping[str, InstanceState] = {
    "queued": _S.STARTING,
    "provisioning": _S.STARTING,
    "running": _S.RUNNING,
    "stopping": _S.ENDING,
    "succeeded": _S.EXITED,
    "failed": _S.FAILED,
    "cancelled": _S.STOPPED,
}
_ENDED = frozenset({"succeeded", "failed", "cancelled"})
_BY_ITSELF = frozenset({"exit_nonzero", "out_of_memory"})
"""Reasons of a failure that the container is to blame for."""
_OURS = frozenset({None, "user_requested"})
"""Reasons of a cancelled job that need no word: somebody with the key ended it."""
_ATTRIBUTES = ("offer_id", "gpu_model", "region")
_HIGHEST_USD = Decimal(10) ** 9
_HOST_LENGTH = 253
_REDACT = Redactor()


def instance(fields: Fields, *, provider: str) -> Instance:
    """One sighting. Raises Odd when it cannot be said which job it is; everything else may be missing."""
    job_id = fields.need_text("id")
    if not is_id(job_id):
        raise Odd("id is not an id")
    raw = fields.text("status", limit=60)
    return Instance(
        provider=provider,
        external_id=job_id,
        name=fields.text("name", limit=128),
        state=_state(fields, raw),
        raw_state=raw,
        message=_message(fields),
        usd_per_hour=_rate(fields),
        charged_usd=_charged(fields),
        over=raw in _ENDED,
        endpoints=_endpoints(fields),
        started_at=moment(fields.raw("started_at")),
        attributes={name: said for name in _ATTRIBUTES if (said := fields.text(name, limit=120))},
    )


def gone(seen: Instance, fields: Fields) -> InstanceNotFound | None:
    """A job that was cancelled by its owner is as good as absent; what it cost in all is kept."""
    if seen.raw_state != "cancelled" or fields.object("status_reason").text("code", limit=80) not in _OURS:
        return None
    error = InstanceNotFound(seen.provider, f"job {seen.external_id} was cancelled")
    error.charged_usd = seen.charged_usd
    return error


def _state(fields: Fields, raw: str | None) -> InstanceState:
    """A word that we do not know is UNKNOWN, which never means failed."""
    if raw == "failed" and "started_at" in fields:
        code = fields.object("status_reason").text("code", limit=80)
        return _S.EXITED if code in _BY_ITSELF or "exit_code" in fields else _S.STOPPED
    return _STATES.get(raw or "", _S.UNKNOWN)


def _message(fields: Fields) -> str | None:
    reason = fields.object("status_reason")
    said = [reason.text("code", limit=80), reason.text("message", limit=2000)]
    exit_code = fields.integer("exit_code")
    if exit_code:
        said.append(f"exit code {exit_code}")
    told = ": ".join(each for each in said if each)
    return _REDACT(told, limit=500) or None


def _rate(fields: Fields) -> Decimal | None:
    """What is charged per hour, disk included; None before its bill begins."""
    if "billing_started_at" not in fields:
        return None
    price = fields.number("price_per_hour")
    return usd(price) if price is not None and 0 <= price <= HIGHEST_USD_PER_HOUR else None


def _charged(fields: Fields) -> Decimal | None:
    total = fields.number("cost_total")
    return usd(total) if total is not None and 0 <= total <= _HIGHEST_USD else None


def _endpoints(fields: Fields) -> tuple[Endpoint, ...]:
    listed = fields.raw("endpoints")
    rows = [Fields(row) for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    found = (_endpoint(row) for row in rows)
    return tuple(each for each in found if each is not None)


def _endpoint(row: Fields) -> Endpoint | None:
    host = row.text("host", limit=_HOST_LENGTH)
    inner, outer = row.integer("container_port"), row.integer("port")
    if host is None or any(each in host for each in " /@?#\\"):
        return None
    if not (inner and outer and 0 < inner <= HIGHEST_PORT and 0 < outer <= HIGHEST_PORT):
        return None
    return Endpoint(port=str(inner), host=host, url_port=outer)


def moment(value: object) -> datetime | None:
    """RFC 3339 as aware UTC; None for what is none, or has no zone."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if found.tzinfo is None else found.astimezone(UTC)
