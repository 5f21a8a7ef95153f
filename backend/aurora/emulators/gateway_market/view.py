"""A job in the words of the contract."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aurora.emulators.gateway_market.brands import Brand
from aurora.emulators.gateway_market.replies import moment, moment_or_null, money
from aurora.emulators.jobs.job import ENDED, Job, Phase

_STATUS: Mapping[Phase, str] = {Phase.ASSIGNED: "provisioning", Phase.PREPARING: "provisioning"}
_FIRST_PORT, _PORTS = 30_000, 20_000


def status(job: Job) -> str:
    strange = None if job.ended else job.strange
    return strange or _STATUS.get(job.phase, str(job.phase))


def job_view(job: Job, brand: Brand, now: datetime) -> dict[str, Any]:
    sku = job.sku
    return {
        "id": job.id,
        "name": job.order.name,
        "labels": dict(job.order.labels),
        "status": status(job),
        "status_reason": {"code": job.reason.code, "message": job.reason.message} if job.reason else None,
        "attempt": job.attempt,
        "image": job.order.workload.image,
        "offer_id": sku.id,
        "gpu_model": sku.gpu_model,
        "gpu_count": sku.gpu_count,
        "vram_gb": sku.vram_gb,
        "region": sku.region,
        "price_per_hour": money(job.rate.total),
        "cost_total": money(job.billed(now)),
        "currency": "USD",
        "endpoints": _endpoints(job, brand) if job.reachable(now) else [],
        "created_at": moment(job.created_at),
        "billing_started_at": moment_or_null(job.billing_started_at),
        "started_at": moment_or_null(job.started_at),
        "finished_at": moment_or_null(job.finished_at),
        "exit_code": job.exit_code if job.phase in ENDED else None,
        "emulated": True,
    }


def _endpoints(job: Job, brand: Brand) -> list[dict[str, Any]]:
    return [
        _endpoint(job, brand, place=place, port=port, protocol=protocol)
        for place, (port, protocol) in enumerate(job.order.ports)
    ]


def _endpoint(job: Job, brand: Brand, *, place: int, port: int, protocol: str) -> dict[str, Any]:
    """Ports of one host each, or names behind one TLS port for http where the brand has one."""
    public = _FIRST_PORT + (job.number * 16 + place) % _PORTS
    row = {"container_port": port, "protocol": protocol}
    if protocol == "http" and brand.tls_port:
        host = f"e{job.number}-{port}.{brand.host}"
        return {**row, "host": host, "port": brand.tls_port, "url": f"https://{host}"}
    host = f"n{job.number}.{brand.host}"
    url = {"url": f"http://{host}:{public}"} if protocol == "http" else {}
    return {**row, "host": host, "port": public, **url}
