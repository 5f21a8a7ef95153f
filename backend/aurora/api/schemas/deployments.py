"""Deployments, their attempts, prices and events."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.ports import Json
from aurora.api.schemas.catalogue import EXAMPLE as CATALOGUE_EXAMPLE
from aurora.api.schemas.catalogue import CatalogueStateOut
from aurora.api.schemas.numbers import Amount
from aurora.domain.deployment import AttemptState, DeploymentStatus
from aurora.domain.offer import PriceKind
from aurora.domain.records import Attempt, DeploymentEvent, DeploymentView

_PRICES: JsonDict = {
    "usd_per_hour": 1.21,
    "usd_per_gpu_hour": 1.21,
    "price_kind": "firm",
    "age_seconds": 312.5,
    "decided_usd_per_hour": 1.21,
    "quoted_usd_per_hour": 1.21,
    "charged_usd_per_hour": 1.21,
    "ceiling_usd_per_hour": 3.0,
}
_ENDPOINT: JsonDict = {"port": "8000", "host": "203.0.113.9", "url_port": 41022}
_DEPLOYMENT: JsonDict = {
    "id": "dep-7f3k2m9q4x1z",
    "tenant": "default",
    "status": "running",
    "phase": "running",
    "reason": None,
    "detail": None,
    "provider": "vastai",
    "attempt": 1,
    "workload_type": "llm_inference",
    "gpu_type": "a100",
    "gpu_count": 1,
    "region": "us-west",
    "endpoints": [_ENDPOINT],
    "prices": _PRICES,
    "cost_usd": 0.105,
    "max_total_cost_usd": 7.2,
    "allowed_seconds": 7200.0,
    "running_seconds": 312.5,
    "decision_id": "dec-2b8c5n0r6t4w",
    "created_at": "2026-01-15T11:52:10.000Z",
    "running_at": "2026-01-15T11:54:47.500Z",
    "ended_at": None,
    "emulated": True,
}
_ATTEMPT: JsonDict = {
    "number": 1,
    "provider": "vastai",
    "offer_id": "vastai:8133742",
    "name": "aurora-k3v9p2-7f3k2m9q4x1z-1",
    "external_id": "20417733",
    "host": "40121",
    "state": "running",
    "market_state": "running",
    "detail": None,
    "end_reason": None,
    "endpoints": [_ENDPOINT],
    "prices": _PRICES,
    "cost_usd": 0.105,
    "intent_at": "2026-01-15T11:52:10.000Z",
    "launched_at": "2026-01-15T11:52:11.300Z",
    "running_at": "2026-01-15T11:54:47.500Z",
    "ended_at": None,
}


class ExtendBody(BaseModel):
    """More time."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"gpu_hours": 1.5}]})

    gpu_hours: Amount = Field(description="GPU-hours to add.")


class PricesOut(BaseModel):
    """USD per hour for the whole instance, disk included. `usd_per_hour` is the best known: charged, quoted, decided."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PRICES]})

    usd_per_hour: float
    usd_per_gpu_hour: float
    price_kind: PriceKind
    age_seconds: float = Field(description="Since the price was decided, quoted or first charged.")
    decided_usd_per_hour: float
    quoted_usd_per_hour: float | None
    charged_usd_per_hour: float | None
    ceiling_usd_per_hour: float


class AttemptOut(BaseModel):
    """One try on one offer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ATTEMPT]})

    number: int
    provider: str
    offer_id: str
    name: str = Field(description="The instance's name at the market.")
    external_id: str | None
    host: str | None
    state: AttemptState
    market_state: str | None = Field(description="The market's own word.")
    detail: str | None
    end_reason: str | None
    endpoints: list[dict[str, Any]]
    prices: PricesOut
    cost_usd: float
    intent_at: datetime
    launched_at: datetime | None
    running_at: datetime | None
    ended_at: datetime | None


class DeploymentOut(BaseModel):
    """Where a deployment stands."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_DEPLOYMENT]})

    id: str
    tenant: str
    status: DeploymentStatus
    phase: str
    reason: str | None = Field(description="Why it ended or is ending: duration_reached, user, vanished, ...")
    detail: str | None = Field(description="The same in a sentence.")
    provider: str | None
    attempt: int
    workload_type: str | None
    gpu_type: str | None
    gpu_count: int | None
    region: str | None
    endpoints: list[dict[str, Any]]
    prices: PricesOut | None
    cost_usd: float
    max_total_cost_usd: float
    allowed_seconds: float
    running_seconds: float
    decision_id: str
    created_at: datetime | None
    running_at: datetime | None
    ended_at: datetime | None
    emulated: bool


class DeploymentDetailOut(DeploymentOut):
    """The same with the request as it was resolved (env apart) and every attempt."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {**_DEPLOYMENT, "request": {"gpu_type": "a100", "gpu_count": 1}, "attempts": [_ATTEMPT]}
            ]
        },
    )

    request: dict[str, Any]
    attempts: list[AttemptOut]


class DeploymentListOut(BaseModel):
    """Newest first; `next_cursor` fetches the next page, null at the end."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "deployments": [_DEPLOYMENT],
                    "next_cursor": None,
                    "providers": CATALOGUE_EXAMPLE,
                    "emulated": True,
                }
            ]
        },
    )

    deployments: list[DeploymentOut]
    next_cursor: str | None
    providers: dict[str, CatalogueStateOut]
    emulated: bool


class EventOut(BaseModel):
    """One thing that happened."""

    model_config = ConfigDict(extra="forbid")

    id: int | None
    at: datetime
    kind: str
    message: str
    attempt: int | None
    data: dict[str, Any]


class EventListOut(BaseModel):
    """Oldest first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "deployment_id": "dep-7f3k2m9q4x1z",
                    "events": [
                        {
                            "id": 17,
                            "at": "2026-01-15T11:54:47.500Z",
                            "kind": "running",
                            "message": "attempt 1 runs on vastai",
                            "attempt": 1,
                            "data": {},
                        }
                    ],
                    "emulated": True,
                }
            ]
        },
    )

    deployment_id: str
    events: list[EventOut]
    emulated: bool


def deployment_answer(view: DeploymentView, *, now: datetime) -> Json:
    """One row of the list."""
    deployment, current = view.deployment, view.current
    asked = deployment.request
    return {
        "id": deployment.id,
        "tenant": deployment.tenant,
        "status": deployment.status,
        "phase": deployment.phase,
        "reason": deployment.end_reason or deployment.reason,
        "detail": deployment.reason,
        "provider": deployment.provider,
        "attempt": deployment.attempt,
        "workload_type": asked.get("workload_type"),
        "gpu_type": asked.get("gpu_type"),
        "gpu_count": current.gpu_count if current else asked.get("gpu_count"),
        "region": asked.get("region"),
        "endpoints": current.endpoints if current else (),
        "prices": _prices(current, now=now) if current else None,
        "cost_usd": deployment.cost_usd,
        "max_total_cost_usd": deployment.max_total_cost,
        "allowed_seconds": round(deployment.allowed_s, 3),
        "running_seconds": round(deployment.running_s, 3),
        "decision_id": deployment.decision_id,
        "created_at": deployment.created_at,
        "running_at": deployment.running_at,
        "ended_at": deployment.ended_at,
        "emulated": deployment.emulated,
    }


def deployment_detail(view: DeploymentView, *, now: datetime) -> Json:
    return {
        **deployment_answer(view, now=now),
        "request": view.deployment.request,
        "attempts": [_attempt(each, now=now) for each in view.attempts],
    }


def events_answer(deployment_id: str, events: Iterable[DeploymentEvent], *, emulated: bool) -> Json:
    rows = [
        {
            "id": event.id,
            "at": event.at,
            "kind": event.kind,
            "message": event.message,
            "attempt": event.attempt,
            "data": event.data,
        }
        for event in events
    ]
    return {"deployment_id": deployment_id, "events": rows, "emulated": emulated}


def _attempt(attempt: Attempt, *, now: datetime) -> Json:
    return {
        "number": attempt.number,
        "provider": attempt.provider,
        "offer_id": attempt.offer_id,
        "name": attempt.name,
        "external_id": attempt.external_id,
        "host": attempt.host,
        "state": attempt.state,
        "market_state": attempt.raw_state,
        "detail": attempt.detail,
        "end_reason": attempt.end_reason,
        "endpoints": attempt.endpoints,
        "prices": _prices(attempt, now=now),
        "cost_usd": attempt.cost_usd,
        "intent_at": attempt.intent_at,
        "launched_at": attempt.launched_at,
        "running_at": attempt.running_at,
        "ended_at": attempt.ended_at,
    }


def _prices(attempt: Attempt, *, now: datetime) -> Json:
    """What is charged is a fact, hence firm, and as old as the instance."""
    charged = attempt.charged_usd_per_hour is not None
    known_at = (attempt.launched_at if charged else attempt.sent_at) or attempt.intent_at
    return {
        "usd_per_hour": attempt.usd_per_hour,
        "usd_per_gpu_hour": attempt.usd_per_hour / attempt.gpu_count,
        "price_kind": PriceKind.FIRM if charged else attempt.price_kind,
        "age_seconds": max(0.0, round((now - known_at).total_seconds(), 1)),
        "decided_usd_per_hour": attempt.decided_usd_per_hour,
        "quoted_usd_per_hour": attempt.quoted_usd_per_hour,
        "charged_usd_per_hour": attempt.charged_usd_per_hour,
        "ceiling_usd_per_hour": attempt.ceiling_usd_per_hour,
    }
