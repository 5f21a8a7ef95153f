"""Deployments and containers as the API shows them (contract, sections 3.6 to 3.8)."""

from datetime import datetime
from typing import Any

from aurora.emulators.ionet.deployment import Deployment, Phase

_WORKER_WORDS = {Phase.TERMINATING: "terminating", Phase.FAILED: "failed", Phase.COMPLETED: "completed"}


def stamp(at: datetime | None, *, bare: bool) -> str | None:
    """ISO 8601: with `Z`, or as some are, without a zone and with microseconds."""
    if at is None:
        return None
    plain = at.replace(tzinfo=None)
    return plain.isoformat(timespec="microseconds") if bare else f"{plain.isoformat(timespec='seconds')}Z"


def details(one: Deployment, now: datetime, *, sku_as_zero: bool) -> dict[str, Any]:
    """All fields, without the name (section 3.6)."""
    bare = bool(one.number % 2)
    config = one.config
    return {
        "id": one.id,
        "status": one.status,
        "created_at": stamp(one.created_at, bare=bare),
        "started_at": stamp(one.started_at, bare=not bare),
        "finished_at": stamp(one.finished_at, bare=True),
        "amount_paid": float(round(one.paid(now), 6)),
        "completed_percent": percent(one, now),
        "total_gpus": one.total_gpus,
        "gpus_per_container": one.gpus,
        "total_containers": one.replicas,
        "hardware_name": one.hardware.name,
        "hardware_id": 0 if sku_as_zero and one.hardware.is_sku else one.hardware.id,
        "brand_name": one.hardware.row["brand_name"],
        "locations": [one.place.wire()],
        "compute_minutes_served": one.served_minutes(now),
        "compute_minutes_remaining": remaining(one, now),
        "container_config": {
            "entrypoint": list(config.entrypoint) if config.entrypoint is not None else None,
            "env_variables": config.env,
            "traffic_port": config.port,
            "image_url": config.image,
            "secret_env_keys": list(config.secret_keys),
        },
    }


def listed(one: Deployment, now: datetime) -> dict[str, Any]:
    """A row of the list, with the name (section 3.7)."""
    served, left = one.served_minutes(now), remaining(one, now)
    return {
        "id": one.id,
        "name": one.name,
        "status": one.status,
        "completed_percent": percent(one, now),
        "hardware_quantity": one.total_gpus,
        "brand_name": one.hardware.row["brand_name"],
        "hardware_name": one.hardware.name,
        "served": _words(served),
        "remaining": _words(left),
        "compute_minutes_served": served,
        "compute_minutes_remaining": left,
        "created_at": stamp(one.created_at, bare=not one.number % 2),
    }


def workers(one: Deployment) -> list[dict[str, Any]]:
    """The containers; none while the deployment is being placed, none after its end."""
    if one.placed_at is None or one.phase is Phase.DESTROYED:
        return []
    return [_worker(one, place) for place in range(one.replicas)]


def _worker(one: Deployment, place: int) -> dict[str, Any]:
    """`running` is the only word that was ever seen; the others are ours."""
    running = one.phase is Phase.RUNNING and one.launched_at is not None
    address = f"https://{one.id.partition('-')[0]}-{place}.caas.ionet.example" if one.reachable else None
    return {
        "device_id": one.device_ids[place],
        "container_id": one.container_ids[place],
        "hardware": one.hardware.name,
        "brand_name": one.hardware.row["brand_name"],
        "created_at": stamp(one.placed_at, bare=True),
        "uptime_percent": 100 if running else 0,
        "gpus_per_container": one.gpus,
        "status": "running" if running else _WORKER_WORDS.get(one.phase, "pending"),
        "container_events": [
            {"time": stamp(event.at, bare=False), "message": event.message} for event in one.events
        ]
        or None,
        "public_url": address,
    }


def percent(one: Deployment, now: datetime) -> float:
    if not one.hours:
        return 0.0
    return min(100.0, round(one.served_minutes(now) * 100 / (one.hours * 60), 2))


def remaining(one: Deployment, now: datetime) -> int:
    """Minutes paid for and not used; 0 once it is over."""
    if one.hours is None or not one.alive:
        return 0
    return max(0, one.hours * 60 - one.served_minutes(now))


def _words(minutes: int) -> str:
    return f"{minutes // 60}h {minutes % 60}m" if minutes >= 60 else f"{minutes}m"
