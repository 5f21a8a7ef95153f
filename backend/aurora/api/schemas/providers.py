"""`GET /providers` and the sync reports."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.ports import AuroraPort, Json
from aurora.api.schemas.catalogue import state_of
from aurora.domain.health import ProviderStatus
from aurora.domain.records import SyncReport

_PROVIDER: JsonDict = {
    "name": "vastai",
    "status": "HEALTHY",
    "reason": None,
    "offers": 2164,
    "unknown_gpus": 3,
    "last_sync": "2026-01-15T11:59:18.800Z",
    "capabilities": {"deploy": True, "logs": True, "spot": True},
    "completeness": 0.97,
    "age_seconds": 41.2,
    "last_error": None,
    "reputation": 86.0,
}
_REPORT: JsonDict = {
    "outcome": "ok",
    "seen": 2164,
    "new": 12,
    "changed": 88,
    "gone": 9,
    "rejected": {"no price": 2},
    "truncated": False,
    "completeness": 0.97,
    "unknown_gpus": 3,
    "seconds": 4.81,
    "error": None,
    "started_at": "2026-01-15T11:59:18.800Z",
}


class ProviderOut(BaseModel):
    """One market."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_PROVIDER]})

    name: str
    status: ProviderStatus
    reason: str | None
    offers: int
    unknown_gpus: int
    last_sync: datetime | None
    capabilities: Any
    completeness: float | None
    age_seconds: float | None
    last_error: str | None
    reputation: float


class ProviderListOut(BaseModel):
    """Every market we know, the disabled ones included."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"providers": [_PROVIDER], "emulated": True}]}
    )

    providers: list[ProviderOut]
    emulated: bool


class SyncReportOut(BaseModel):
    """One sync of one market."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_REPORT]})

    outcome: str = Field(
        description="ok, partial, failed, or suspicious (a collapse that must repeat to be believed)."
    )
    seen: int
    new: int
    changed: int
    gone: int
    rejected: dict[str, int] = Field(
        description="Rows that were left out, by reason; 0 where the reason holds for no row of its own."
    )
    truncated: bool = Field(
        description="The market lists more rows than PROVIDER_MAX_ROWS lets us read; nothing of the rest is gone."
    )
    completeness: float | None
    unknown_gpus: int
    seconds: float
    error: str | None
    started_at: datetime


class SyncOut(BaseModel):
    """The report of each provider."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"providers": {"vastai": _REPORT}, "emulated": True}]}
    )

    providers: dict[str, SyncReportOut]
    emulated: bool


def providers_answer(aurora: AuroraPort) -> Json:
    rows = [
        {
            **state_of(aurora, row["name"]),
            "reputation": round(aurora.reputation.of(row["name"], None), 1),
            **row,
        }
        for row in aurora.desk.providers()
    ]
    return {"providers": rows, "emulated": aurora.emulated}


def sync_answer(reports: Mapping[str, SyncReport], *, emulated: bool) -> Json:
    return {"providers": {name: _report(each) for name, each in reports.items()}, "emulated": emulated}


def _report(report: SyncReport) -> Json:
    return {
        "outcome": report.outcome,
        "seen": report.seen,
        "new": report.new,
        "changed": report.changed,
        "gone": report.gone,
        "rejected": report.rejected,
        "truncated": report.truncated,
        "completeness": report.completeness,
        "unknown_gpus": report.unknown_gpus,
        "seconds": round(report.seconds, 3),
        "error": report.error,
        "started_at": report.started_at,
    }
