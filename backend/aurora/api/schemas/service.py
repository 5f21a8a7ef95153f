"""`GET /health` and `GET /ready`."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class HealthOut(BaseModel):
    """This process answers. How the providers are is under `/api/v1/provider-health/health`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "status": "healthy",
                    "mode": "emulated",
                    "version": "0.1.0",
                    "started_at": "2026-01-15T09:00:00.000Z",
                    "uptime_seconds": 10800.0,
                    "emulated": True,
                }
            ]
        },
    )

    status: str
    mode: str
    version: str
    started_at: datetime
    uptime_seconds: float
    emulated: bool


class ReadyOut(BaseModel):
    """Requests can be served. 503 with the same `checks` otherwise."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "status": "ready",
                    "ready": True,
                    "checks": {"database": True, "schema": True, "snapshot": True},
                    "emulated": True,
                }
            ]
        },
    )

    status: str
    ready: bool
    checks: dict[str, Any] = Field(description="Database reachable, schema at head, a snapshot loaded.")
    emulated: bool
