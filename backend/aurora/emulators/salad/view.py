"""Groups, instances and events as the API shows them (contract, sections 5 and 7); what may be absent is never null (13.1)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aurora.emulators.salad import stamps
from aurora.emulators.salad.group import Event, Group
from aurora.emulators.salad.instance import Instance, State
from aurora.emulators.salad.knobs import Knobs

_ZERO_DATE = "0001-01-01T00:00:00+00:00"
_PROBES = ("liveness_probe", "readiness_probe", "startup_probe")


def group(one: Group, knobs: Knobs) -> dict[str, Any]:
    spec = one.spec
    body: dict[str, Any] = {
        "id": one.id,
        "name": one.key.name,
        "display_name": spec["display_name"],
        "organization_name": one.key.organization,
        "project_name": one.key.project,
        "autostart_policy": spec["autostart_policy"],
        "restart_policy": spec["restart_policy"],
        "replicas": one.replicas,
        "priority": str(one.priority) if one.priority else None,
        "country_codes": spec["country_codes"],
        "pending_change": any(each.version != one.version for each in one.instances),
        "version": one.version,
        "create_time": stamps.long(one.created_at),
        "update_time": stamps.long(one.updated_at),
        "scheduled-scaling-enabled": False,
        "scaling-actions": [],
        "container": _container(one),
        "current_state": _state(one, knobs),
    }
    if spec["networking"] is not None:
        body["networking"] = {**spec["networking"], "dns": one.dns}
    return {**body, **{name: spec[name] for name in _PROBES if spec.get(name) is not None}}


def _container(one: Group) -> dict[str, Any]:
    """Without priority, secrets of registries, and before the image is prepared without its hash and size."""
    prepared = {"hash": one.hash, "size": one.size} if one.prepared else {}
    return {**one.container, **prepared}


def _state(one: Group, knobs: Knobs) -> dict[str, Any]:
    start = stamps.long(one.started_at)
    over = stamps.long(one.stopped_at) if one.stopped_at else None
    return {
        "status": one.shown_status or str(one.status),
        "description": one.description,
        "start_time": start,
        "finish_time": over or (start if knobs.finish_time == "start" else _ZERO_DATE),
        "instance_status_counts": {
            "allocating_count": one.count(State.ALLOCATING),
            "creating_count": one.count(State.CREATING),
            "running_count": one.count(State.RUNNING),
            "stopping_count": one.count(State.STOPPING),
        },
    }


def instance(owner: Group, one: Instance, now: datetime) -> dict[str, Any]:
    ready = is_ready(owner, one, now)
    body = {
        "id": one.id,
        "machine_id": one.machine_id or one.id,
        "state": str(one.state),
        "update_time": stamps.long(one.update_time),
        "version": one.version,
        "ready": ready,
        "started": one.state is State.RUNNING,
        "deletion_cost": one.deletion_cost,
    }
    if one.state is State.DOWNLOADING:
        body["pulling_progress"] = one.progress(now)
    return body


def is_ready(owner: Group, one: Instance, now: datetime) -> bool:
    """Running, and past its readiness probe if it has one."""
    since = one.running_since
    if since is None:
        return False
    probe: Mapping[str, Any] = owner.spec.get("readiness_probe") or {}
    seconds = probe.get("initial_delay_seconds", 0) + probe.get("period_seconds", 0) if probe else 0
    return now >= since + timedelta(seconds=seconds)


def event(owner: Group, one: Event) -> dict[str, Any]:
    """An entry of the system log."""
    resources = owner.resources
    body: dict[str, Any] = {
        "event_name": one.name,
        "event_time": stamps.long(one.at),
        "resource_cpu": resources["cpu"],
        "resource_gpu_class": ", ".join(each.name for each in owner.classes),
        "resource_memory": resources["memory"],
        "resource_storage_amount": resources["storage_amount"],
        "version": str(one.version),
    }
    if one.instance_id:
        body |= {"instance_id": one.instance_id}
    if one.machine_id:
        body |= {"machine_id": one.machine_id}
    return body
