"""`POST /route`: what comes in, what goes out."""

import hashlib
import json
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from aurora.api.ports import Json
from aurora.api.schemas.numbers import Amount, Figure, Weight, Whole
from aurora.domain.offer import PriceKind
from aurora.domain.records import RouteAnswer

# Command, env and ports have several spellings; the intake reads them and names the field in one sentence, which a
# union of types would not.
_Command = Annotated[
    Any, WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]})
]
_Env = Annotated[Any, WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}})]
_Ports = Annotated[
    Any,
    WithJsonSchema({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}),
]


class WeightsBody(BaseModel):
    """What matters, >= 0. They replace all defaults: a missing one is 0."""

    model_config = ConfigDict(extra="forbid")

    price: Weight | None = None
    latency: Weight | None = None
    reputation: Weight | None = None
    availability: Weight | None = None
    time_to_running: Weight | None = None


class RouteBody(BaseModel):
    """What should run, and within which limits. Absent limits come from the tenant, then `config/router.yaml`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "workload_type": "llm_inference",
                    "gpu_type": "a100",
                    "region": "us-west",
                    "gpu_hours": 2.0,
                    "max_price": 3.0,
                    "max_latency_ms": 300,
                    "min_reputation": 80,
                    "weights": {"price": 0.4, "latency": 0.3, "reputation": 0.2, "availability": 0.1},
                }
            ]
        },
    )

    workload_type: str | None = Field(
        None, description="llm_inference, llm_training, rendering, general (default), or a simulator's name."
    )
    gpu_type: str | None = Field(
        None,
        description="Required. A family (`a100`: every A100) or a variant (`a100-80gb`, `a100-sxm-80gb`).",
    )
    gpu_count: Whole | None = Field(None, description="Default 1; exactly that many unless `allow_larger`.")
    gpu_hours: Amount | None = Field(
        None,
        description="GPU-hours, default 1: running time = gpu_hours / gpu_count from the first `running`.",
    )
    max_price: Amount | None = Field(None, description="USD per GPU and hour, all in.")
    max_total_cost: Amount | None = Field(
        None, description="USD for the whole deployment; default max_price x gpu_hours x 1.2."
    )
    region: str | None = Field(
        None, description="`global` (default) or a macro region; cloud names are understood."
    )
    max_latency_ms: Figure | None = None
    min_reputation: Figure | None = Field(None, description="0 to 100.")
    weights: WeightsBody | None = None
    min_vram_gb: Figure | None = Field(None, description="Per GPU.")
    min_g_score: Figure | None = Field(None, description="0 to 100.")
    image: str | None = Field(None, description="Default: the template of the workload type.")
    command: _Command = Field(None, description="Replaces the image's CMD: a list, or one text.")
    env: _Env = Field(None, description="Variables; encrypted at rest, never shown.")
    ports: _Ports = Field(None, description="`8080`, `53/udp`.")
    disk_gb: Figure | None = None
    providers: list[str] | None = Field(None, description="Only these.")
    exclude_providers: list[str] | None = None
    spot: bool | None = Field(None, description="false: nothing that may be taken away. Default true.")
    allow_larger: bool | None = None
    policy: str | None = Field(
        None, description="balanced (default), seed-v1, telemetry, round-robin, weighted."
    )
    dry_run: bool = Field(default=False, description="Decide only; writes nothing.")
    wait: Figure | None = Field(None, description="Seconds (0 to 600) to wait for `running` or `failed`.")
    max_attempts: Whole | None = Field(None, description="1 to 10, default 3.")
    on_interruption: str | None = Field(None, description="replace (default) or fail.")
    seed: Whole | None = Field(
        None,
        description="For policies that draw: same seed, same answer. Absent or 0: the next turn, a fresh draw.",
    )

    def given(self) -> Json:
        """The fields as the intake takes them."""
        return self.model_dump(exclude_unset=True)

    def digest(self) -> str:
        """SHA-256 of what is asked for: order, spacing, 2 against 2.0 and stated defaults make no difference."""
        asked = self.model_dump(exclude_defaults=True)
        return hashlib.sha256(json.dumps(asked, default=_number, sort_keys=True).encode()).hexdigest()


def _number(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    msg = f"no digest of {type(value).__name__}"
    raise TypeError(msg)


class RouteOut(BaseModel):
    """What was decided. For `no_capacity` the provider is null.

    `relaxations` say what would help, or what would give cheaper offers than the chosen.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "provider": "vastai",
                    "price_usd_per_hour": 1.21,
                    "price_usd_per_gpu_hour": 1.21,
                    "price_kind": "firm",
                    "price_age_seconds": 12.4,
                    "estimated_latency_ms": 24.5,
                    "deployment_id": "dep-7f3k2m9q4x1z",
                    "status": "provisioning",
                    "reason": None,
                    "decision_id": "dec-2b8c5n0r6t4w",
                    "rationale": "vastai: cheapest of 41 offers that fit; 212 did not.",
                    "offer_id": "vastai:8133742",
                    "gpu_type": "a100-sxm-80gb",
                    "gpu_count": 1,
                    "region": "us-west",
                    "candidates": 41,
                    "eliminated": {"gpu": 180, "price": 32},
                    "relaxations": [],
                    "score": {"price": 0.31, "latency": 0.24, "reputation": 0.17, "availability": 0.08},
                    "emulated": True,
                }
            ]
        },
    )

    provider: str | None
    price_usd_per_hour: float | None = Field(description="The whole deployment.")
    price_usd_per_gpu_hour: float | None
    price_kind: PriceKind | None
    price_age_seconds: float | None
    estimated_latency_ms: float | None
    deployment_id: str | None = Field(description="Null for a dry run and for no_capacity.")
    status: str = Field(description="provisioning, with `wait` also running or failed; no_capacity; dry_run.")
    reason: str | None
    decision_id: str | None
    rationale: str
    offer_id: str | None
    gpu_type: str | None
    gpu_count: int | None
    region: str | None
    candidates: int
    eliminated: dict[str, int] = Field(description="How many offers each filter removed.")
    relaxations: list[str]
    score: dict[str, float] = Field(description="The chosen offer's score by term.")
    emulated: bool


def route_answer(answer: RouteAnswer) -> Json:
    return {
        "provider": answer.provider,
        "price_usd_per_hour": answer.price_usd_per_hour,
        "price_usd_per_gpu_hour": answer.price_usd_per_gpu_hour,
        "price_kind": answer.price_kind,
        "price_age_seconds": _rounded(answer.price_age_s),
        "estimated_latency_ms": _rounded(answer.estimated_latency_ms),
        "deployment_id": answer.deployment_id,
        "status": answer.status,
        "reason": answer.reason,
        "decision_id": answer.decision_id,
        "rationale": answer.rationale,
        "offer_id": answer.offer_id,
        "gpu_type": answer.gpu_type,
        "gpu_count": answer.gpu_count,
        "region": answer.region,
        "candidates": answer.candidates,
        "eliminated": answer.eliminated,
        "relaxations": answer.relaxations,
        "score": answer.score,
        "emulated": answer.emulated,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
