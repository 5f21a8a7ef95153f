"""`GET /api/v1/alerts`."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.ports import AuroraPort, Json

_ALERT: JsonDict = {
    "name": "breaker_open",
    "provider": "vastai",
    "severity": "critical",
    "since": "2026-01-15T11:52:10.000Z",
    "seconds": 312.5,
    "detail": "circuit not closed for 612 s",
    "meaning": "A circuit has not closed for more than 5 minutes.",
    "runbook": "docs/operations.md#breaker_open",
}


class AlertOut(BaseModel):
    """A condition that holds and that a person should look at."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ALERT]})

    name: str
    provider: str
    severity: str = Field(description="warning or critical.")
    since: datetime
    seconds: float = Field(description="How long it has held.")
    detail: str
    meaning: str
    runbook: str = Field(description="Page and heading in the repository that say what to do.")


class AlertListOut(BaseModel):
    """The gravest first, then the oldest."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"alerts": [_ALERT], "emulated": True}]}
    )

    alerts: list[AlertOut]
    emulated: bool


def alerts_answer(aurora: AuroraPort) -> Json:
    now = aurora.clock.now()
    return {
        "alerts": [
            {**each, "seconds": round((now - each["since"]).total_seconds(), 1)}
            for each in aurora.alerts.active()
        ],
        "emulated": aurora.emulated,
    }
