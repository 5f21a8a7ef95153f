"""The one shape of every error."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aurora.api.problems import MEDIA_TYPE

_MEANINGS: Mapping[int, tuple[str, str]] = {
    401: ("unauthenticated", "No key, or a wrong one."),
    402: ("budget_exceeded", "The tenant's budget does not allow it."),
    403: (
        "forbidden",
        "The key lacks the scope, or a call without a key came from a foreign Host or Origin.",
    ),
    404: ("not_found", "Unknown, or another tenant's."),
    409: ("conflict", "Contradicts the present state; `code` says how."),
    413: ("body_too_large", "The body has more than 256 KiB."),
    422: ("invalid_request", "A field is wrong; `errors` names it."),
    429: (
        "rate_limited",
        "Too many requests of this tenant; see Retry-After. Or `quota_exceeded`: see `quota`.",
    ),
    500: ("internal", "A fault of Aurora's own; the log has it under the request id."),
    502: ("provider_error", "The provider refused or answered rubbish."),
    503: ("database_unavailable", "Cannot be done now; see Retry-After where given."),
    504: ("provider_timeout", "The provider did not answer in time."),
}


class FieldProblemOut(BaseModel):
    """One wrong field."""

    model_config = ConfigDict(extra="forbid")

    field: str
    message: str


class ProblemOut(BaseModel):
    """An error as problem+json (RFC 9457). `code` is stable; scripts branch on it."""

    model_config = ConfigDict(
        extra="allow",
        title="Problem",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:aurora:problem:invalid_request",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "code": "invalid_request",
                    "detail": "must be more than 0 GPU-hours",
                    "errors": [{"field": "gpu_hours", "message": "must be more than 0 GPU-hours"}],
                    "request_id": "req-5f0c2a9b7d3e4c11",
                }
            ]
        },
    )

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    code: str
    detail: str
    errors: list[FieldProblemOut]
    request_id: str | None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declares that an endpoint may answer these; any may answer 401, 403, 429, 500, and 503 for an unknown key."""
    return {status: _declared(status) for status in sorted({401, 403, 429, 500, 503, *statuses})}


def _declared(status: int) -> dict[str, Any]:
    code, meaning = _MEANINGS[status]
    phrase = HTTPStatus(status).phrase
    example = {
        "type": f"urn:aurora:problem:{code}",
        "title": phrase,
        "status": status,
        "code": code,
        "detail": meaning,
        "errors": [],
        "request_id": "req-5f0c2a9b7d3e4c11",
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    return {"description": f"{phrase}. {meaning}", "content": content}
