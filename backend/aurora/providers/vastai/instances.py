"""Vast.ai's instance rows into sightings. Pure."""

import re
from collections.abc import Mapping
from decimal import Decimal

from aurora.domain.instance import Endpoint, Instance, InstanceState
from aurora.domain.money import usd
from aurora.providers.fields import Fields, Odd, integer
from aurora.providers.redaction import Redactor
from aurora.providers.vastai.pricing import HIGHEST_USD_PER_HOUR

_S = InstanceState
_STATES: Mapping[str, InstanceState] = {
    "created": _S.STARTING,
    "loading": _S.STARTING,
    "rebooting": _S.STARTING,
    "running": _S.RUNNING,
    "stopped": _S.STOPPED,
    "frozen": _S.STOPPED,
    "exited": _S.EXITED,
    "offline": _S.UNREACHABLE,
    "unknown": _S.UNREACHABLE,
}
"""`actual_status` (Vast docs show-instance and hello-world, 2026-08-07; `created` from other clients)."""
_NEVER_RAN = frozenset({"created", "loading"})
_ERROR = re.compile(r"error", re.IGNORECASE)
_HOST = re.compile(r"[0-9A-Za-z.:-]{1,253}")
_PORT = re.compile(r"([0-9]{1,5})/(tcp|udp)")
_HIGHEST_PORT = 65_535
_LARGEST_ID = 10**18
_ATTRIBUTES = ("machine_id", "host_id", "gpu_name", "num_gpus", "geolocation", "intended_status", "cur_state")
"""What is kept of a row beside the contract's fields. Never `jupyter_token`, never the whole row."""
_REDACT = Redactor()


def instance(row: object, *, provider: str) -> Instance:
    """One sighting. Raises Odd when it cannot be said which instance it is; everything else may be missing."""
    if not isinstance(row, dict):
        raise Odd("the instance is not an object")
    fields = Fields(row)
    external_id = str(fields.need_integer("id", low=1, high=_LARGEST_ID))
    raw_state = fields.text("actual_status", limit=60)
    message = fields.text("status_msg", limit=2000)
    return Instance(
        provider=provider,
        external_id=external_id,
        name=fields.text("label", limit=256),
        state=state(fields),
        raw_state=raw_state,
        message=None if message is None else _REDACT(message, limit=500),
        usd_per_hour=_running_rate(fields),
        endpoints=_endpoints(fields),
        started_at=fields.moment("start_date"),
        attributes=_attributes(fields),
    )


def state(fields: Fields) -> InstanceState:
    """The contract's state of one row (mapping rules as dstack's Vast backend has them, 2026-08-21).

    A value that we do not know is UNKNOWN, which never means failed.
    """
    actual = fields.text("actual_status", limit=60)
    if actual is None and "actual_status" in fields:
        return _S.UNKNOWN  # neither text nor null
    intended = fields.text("intended_status")
    if actual == "running" and intended == "stopped":
        return _S.ENDING
    if actual in _NEVER_RAN and _ERROR.search(fields.text("status_msg", limit=2000) or ""):
        return _S.FAILED
    halted = {intended, fields.text("cur_state"), fields.text("next_state")} == {"stopped"}
    if halted and actual in {None, "created", "loading", "stopped"}:
        return _S.STOPPED  # outbid or out of credit: Aurora never stops, it destroys
    if actual is None:
        return _S.STARTING  # null: being provisioned
    return _STATES.get(actual, _S.UNKNOWN)


def _running_rate(fields: Fields) -> Decimal | None:
    """What running costs now, real disk included: `dph_total`, or `search.totalHour`, which is the same."""
    for found in (fields.number("dph_total"), fields.object("search").number("totalHour")):
        if found is not None and 0 <= found <= HIGHEST_USD_PER_HOUR:
            return usd(found)
    return None


def _endpoints(fields: Fields) -> tuple[Endpoint, ...]:
    """Public addresses of the container's ports; empty until it runs. IPv4 and IPv6 bindings name one port."""
    words = (fields.text("public_ipaddr") or "").split()
    if not words or _HOST.fullmatch(words[0]) is None:
        return ()
    host = f"[{words[0]}]" if ":" in words[0] else words[0]
    ports = fields.raw("ports")
    if not isinstance(ports, dict):
        return ()
    found = (_endpoint(name, bindings, host=host) for name, bindings in ports.items())
    return tuple(endpoint for endpoint in found if endpoint is not None)


def _endpoint(name: object, bindings: object, *, host: str) -> Endpoint | None:
    port = _PORT.fullmatch(name) if isinstance(name, str) else None
    if port is None or not isinstance(bindings, list):
        return None
    for binding in bindings:
        public = integer(binding.get("HostPort")) if isinstance(binding, dict) else None
        if public is not None and 0 < public <= _HIGHEST_PORT:
            return Endpoint(
                port=port[1] if port[2] == "tcp" else f"{port[1]}/udp", host=host, url_port=public
            )
    return None


def _attributes(fields: Fields) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _ATTRIBUTES:
        value = fields.text(name, limit=120)
        if value is None:
            whole = fields.integer(name)
            value = None if whole is None else str(whole)
        if value is not None:
            found[name] = value
    return found
