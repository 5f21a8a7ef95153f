"""`GET /api/v1/audit` and `GET /api/v1/me`."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.ports import Json
from aurora.api.schemas.keys import KeyOut
from aurora.api.schemas.tenants import UsageOut
from aurora.domain.audit import AuditEntry
from aurora.services.tenant_document import LimitsDocument

_ENTRY: JsonDict = {
    "id": 4711,
    "at": "2026-01-15T12:00:00.000Z",
    "tenant": "research",
    "actor": "key-4k7q1n8s2v5y",
    "action": "route.create",
    "target": "dep-7f3k2m9q4x1z",
    "status": 200,
    "request_id": "req-5f0c2a9b7d3e4c11",
    "data": {"decision": "dec-2b8c5n0r6t4w", "offer": "vastai:7001210", "gpus": 1},
}


class AuditEntryOut(BaseModel):
    """Who did what."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ENTRY]})

    id: int
    at: str
    tenant: str = Field(description="Whose; `-` for a refused call with no key we know.")
    actor: str = Field(description="A key's id, `admin`, `local`, or `anonymous`.")
    action: str
    target: str | None
    status: int = Field(description="401 and 403: it was refused.")
    request_id: str | None
    data: dict[str, Any]


class AuditListOut(BaseModel):
    """A page, newest first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"entries": [_ENTRY], "next_cursor": "4711", "emulated": True}]},
    )

    entries: list[AuditEntryOut]
    next_cursor: str | None
    emulated: bool


class MeOut(BaseModel):
    """Who the caller is, and what it may do."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "tenant": "research",
                    "actor": "local",
                    "scopes": ["route"],
                    "key": None,
                    "disabled": False,
                    "home_region": "eu-central",
                    "limits": {"max_price": 3.0},
                    "usage": {"deployments": 2, "gpus": 3},
                    "emulated": True,
                }
            ]
        },
    )

    tenant: str
    actor: str
    scopes: list[str]
    key: KeyOut | None = Field(description="null without a key, and for the admin key of the settings.")
    disabled: bool
    home_region: str | None
    limits: LimitsDocument
    usage: UsageOut
    emulated: bool


def audit_answer(found: Sequence[AuditEntry], before: int | None, *, emulated: bool) -> Json:
    return {
        "entries": [
            {
                "id": each.id,
                "at": each.at,
                "tenant": each.tenant,
                "actor": each.actor,
                "action": each.action,
                "target": each.target,
                "status": each.status,
                "request_id": each.request_id,
                "data": each.data,
            }
            for each in found
        ],
        "next_cursor": None if before is None else str(before),
        "emulated": emulated,
    }
