"""`GET /policies`."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.ports import AuroraPort, Json

_POLICY: JsonDict = {
    "name": "telemetry",
    "version": "telemetry/1",
    "description": "Task fit, and the provider's launches of the last hour: throughput, latency, consumption.",
    "weights": {"task_fit": 0.35, "throughput": 0.25, "latency": 0.20, "consumption": 0.20},
    "per_request": False,
    "default": False,
}


class PolicyOut(BaseModel):
    """One way in which rules score."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_POLICY]})

    name: str = Field(description="As `policy` of a request takes it.")
    version: str
    description: str
    weights: dict[str, float] = Field(description="By term of the formula; empty: it has no weighted terms.")
    per_request: bool = Field(description="`weights` of a request replace these.")
    default: bool = Field(description="Used by requests that name none.")


class PolicyListOut(BaseModel):
    """All policies; `default` is the one of `config/router.yaml`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"policies": [_POLICY], "default": "balanced", "emulated": True}]},
    )

    policies: list[PolicyOut]
    default: str
    emulated: bool


def policies_answer(aurora: AuroraPort) -> Json:
    return {
        "policies": [
            {
                "name": line.name,
                "version": line.version,
                "description": line.description,
                "weights": dict(line.weights),
                "per_request": line.per_request,
                "default": line.default,
            }
            for line in aurora.policies.lines()
        ],
        "default": aurora.policies.default,
        "emulated": aurora.emulated,
    }
