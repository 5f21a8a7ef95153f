"""Jobs and job-runs in the words of Dispersed."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aurora.emulators.jobs.job import Job, Phase
from aurora.emulators.render.orders import SSH

STATUS: Mapping[Phase, str] = {
    Phase.QUEUED: "PENDING",
    Phase.ASSIGNED: "ASSIGNED",
    Phase.PREPARING: "PREPARING",
    Phase.RUNNING: "RUNNING",
    Phase.SUCCEEDED: "COMPLETED",
    Phase.FAILING: "FAILING",
    Phase.FAILED: "FAILED",
    Phase.STOPPING: "CANCELLING",
    Phase.CANCELLED: "CANCELLED",
}
_FIRST_PORT, _PORTS = 30_000, 20_000
_HOST = "mlpipe{number}-us.proxy.dispersed.example"
_TOKEN_IMAGE = "accesstoken"  # images of this make ask for one  # noqa: S105


def status(job: Job) -> str:
    strange = None if job.ended else job.strange
    return strange or STATUS[job.phase]


def moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_view(job: Job) -> dict[str, Any]:
    """Only `uuid`, `title`, `status`, `task` and `created_at` were seen; the rest is a guess. No env, no secret."""
    return {
        "uuid": job.id,
        "title": job.order.name,
        "status": status(job),
        "task": job.order.labels["task"],
        "gpu_registry_uuid": job.sku.id,
        "gpu_name": job.sku.gpu_model,
        "created_at": moment(job.created_at),
        "updated_at": moment(job.changed_at),
    }


def runs(job: Job, now: datetime, *, reported: bool) -> Sequence[dict[str, Any]]:
    """A run for each node the job was given, the newest first; `reported`: whether its URLs are shown at all."""
    return [_run(job, place, now, reported=reported) for place in range(len(job.nodes), 0, -1)]


def _run(job: Job, place: int, now: datetime, *, reported: bool) -> dict[str, Any]:
    current = place == job.attempt
    up = reported and current and job.reachable(now)
    return {
        "uuid": str(uuid.uuid5(uuid.UUID(job.id), f"run-{place}")),
        "job_uuid": job.id,
        "job_snapshot": {"uuid": job.id},
        "status": status(job) if current else "FAILED",
        "node_urls": [_node_url(job, i, port) for i, (port, _) in enumerate(job.order.ports)] if up else [],
        "container_access_tokens": [{"token": _token(job)}] if up and _wants_token(job) else [],
        "created_at": moment(job.nodes[place - 1]),
    }


def _node_url(job: Job, place: int, port: int) -> dict[str, Any]:
    return {
        "hostname": _HOST.format(number=job.number % 9 + 1),
        "port": _FIRST_PORT + (job.number * 16 + place) % _PORTS,
        "description": "ssh" if port == SSH else str(port),
        "tls": False,
    }


def _wants_token(job: Job) -> bool:
    return _TOKEN_IMAGE in job.order.workload.image


def _token(job: Job) -> str:
    return hashlib.sha256(f"token of {job.id}".encode()).hexdigest()[:32]
