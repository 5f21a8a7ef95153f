"""SaladCloud's container groups into sightings. Pure. States: docs deployment-lifecycle and OpenAPI [seen]."""

from collections.abc import Mapping

from aurora.domain.instance import Endpoint, Instance, InstanceState
from aurora.providers.fields import Fields
from aurora.providers.redaction import Redactor
from aurora.providers.salad.names import PRIORITIES, group_name
from aurora.providers.web_address import web_endpoint

_S = InstanceState
RUNNING = "running"
_STATES: Mapping[str, InstanceState] = {
    "pending": _S.STARTING,
    "deploying": _S.STARTING,
    "stopped": _S.STOPPED,
    "failed": _S.FAILED,
    "succeeded": _S.EXITED,
}
"""A value that we do not know is UNKNOWN, which never means failed."""
_COUNTS = ("allocating", "creating", "running", "stopping")
_REDACT = Redactor()


def instance(fields: Fields, *, provider: str) -> Instance:
    """One sighting. Raises Odd when it cannot be said which group it is; everything else may be missing."""
    name = group_name(provider, fields.need_text("name"))
    now = fields.object("current_state")
    raw = (now.text("status", limit=60) or "").lower() or None
    state = _state(raw, now)
    return Instance(
        provider=provider,
        external_id=name,
        name=name,
        state=state,
        raw_state=raw,
        message=_message(now, raw, state),
        endpoints=_endpoints(fields) if state is _S.RUNNING else (),
        started_at=now.iso_moment("start_time") if state is _S.RUNNING else None,
        attributes=_attributes(fields),
    )


def _state(raw: str | None, now: Fields) -> InstanceState:
    """`running` also stands for a group that has run and looks for another node: that is not billed."""
    if raw == RUNNING:
        running = _count(now, "running")
        return _S.RUNNING if running is None or running > 0 else _S.STARTING
    return _STATES.get(raw or "", _S.UNKNOWN)


def _count(now: Fields, name: str) -> int | None:
    """`instance_status_counts`, in the singular until 2024 [seen]."""
    counts = now.object("instance_status_counts")
    found = counts.integer(f"{name}_count")
    return found if found is not None else now.object("instance_status_count").integer(f"{name}_count")


def _message(now: Fields, raw: str | None, state: InstanceState) -> str | None:
    said = now.text("description", limit=2000)
    if said is not None:
        return _REDACT(said, limit=500)
    if raw == RUNNING and state is _S.STARTING:
        return "no instance runs: SaladCloud looks for another node"
    if state is _S.STARTING:
        busy = [f"{count} {each}" for each in _COUNTS if (count := _count(now, each))]
        return ", ".join(busy) or None
    return None


def _endpoints(fields: Fields) -> tuple[Endpoint, ...]:
    """One name at the edge, always https [seen]."""
    networking = fields.object("networking")
    dns, port = networking.text("dns", limit=253), networking.integer("port")
    found = None if dns is None else web_endpoint(f"https://{dns}", port=port or "http")
    return () if found is None else (found,)


def _attributes(fields: Fields) -> dict[str, str]:
    """What is kept beside the contract's fields. Never the environment, which comes back in every read."""
    found: dict[str, str] = {}
    priority = fields.text("priority", limit=20)
    if priority in PRIORITIES:
        found["priority"] = priority
    classes = fields.object("container").object("resources").raw("gpu_classes")
    if isinstance(classes, list) and classes and isinstance(classes[0], str):
        found["gpu_class"] = classes[0][:64]
    version = fields.integer("version")
    if version is not None:
        found["version"] = str(version)
    return found
