"""`POST /route/whatif`."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.ports import Json
from aurora.domain.offer import PriceKind
from aurora.routing.decision import RankedOffer
from aurora.routing.whatif import Alternative, WhatIf

_OFFER: JsonDict = {
    "offer_id": "vastai:8133742",
    "provider": "vastai",
    "price_usd_per_hour": 0.9,
    "price_usd_per_gpu_hour": 0.9,
    "price_kind": "firm",
    "estimated_latency_ms": 64.2,
    "score": 0.812,
}
_BASELINE: JsonDict = {
    "chosen": "vastai:7001210",
    "provider": "vastai",
    "price_usd_per_hour": 1.2,
    "price_usd_per_gpu_hour": 1.2,
    "price_kind": "firm",
    "estimated_latency_ms": 21.0,
    "score": 0.781,
    "candidates": 41,
    "rationale": "Chose vastai (vastai:7001210): ...",
}
_CHANGE: JsonDict = {
    "changes": [{"limit": "min_reputation", "asked": "80", "instead": "76"}],
    "offers": 4,
    "best": _OFFER,
    "better": ["price"],
    "would_be_chosen": False,
    "saves_usd_per_hour": 0.3,
    "text": "min_reputation 76 instead of 80 would give 4 more offers; best vastai:8133742 at $0.9000/h (firm), "
    "64 ms from us-west: saves $0.3000/h and is 43 ms slower; the policy would still choose vastai:7001210",
}


class LimitChangeOut(BaseModel):
    """One limit that would give way."""

    model_config = ConfigDict(extra="forbid")

    limit: str = Field(description="The request's field, or the provider whose state stands in the way.")
    asked: str
    instead: str


class PricedOfferOut(BaseModel):
    """What would be had, at which price."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_OFFER]})

    offer_id: str
    provider: str
    price_usd_per_hour: float = Field(description="The whole deployment.")
    price_usd_per_gpu_hour: float
    price_kind: PriceKind
    estimated_latency_ms: float = Field(description="As the changed request would be answered.")
    score: float = Field(
        description="Under the changed request; scores of different requests do not compare."
    )


class ChangeOut(BaseModel):
    """One change of one or two limits; each was decided again before it is said."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_CHANGE]})

    changes: list[LimitChangeOut]
    offers: int = Field(description="Offers that would be added.")
    best: PricedOfferOut
    better: list[str] = Field(
        description="In what `best` beats the present choice: price, latency, score. Empty when nothing is chosen now."
    )
    would_be_chosen: bool = Field(description="false: the policy would stay with the present choice.")
    saves_usd_per_hour: float | None = Field(
        description="Against the present choice, minimum rentals included; negative costs more."
    )
    text: str


class BaselineOut(BaseModel):
    """The answer as it is now; all null when nothing meets the limits."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_BASELINE]})

    chosen: str | None = Field(description="The offer's id.")
    provider: str | None
    price_usd_per_hour: float | None
    price_usd_per_gpu_hour: float | None
    price_kind: PriceKind | None
    estimated_latency_ms: float | None
    score: float | None
    candidates: int
    rationale: str


class WhatIfOut(BaseModel):
    """The most useful change first, at most 20."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"baseline": _BASELINE, "changes": [_CHANGE], "policy": "balanced", "emulated": True}
            ]
        },
    )

    baseline: BaselineOut
    changes: list[ChangeOut]
    policy: str
    emulated: bool


def whatif_answer(found: WhatIf, *, emulated: bool) -> Json:
    return {
        "baseline": _baseline(found),
        "changes": [_change(one) for one in found.alternatives],
        "policy": found.baseline.policy,
        "emulated": emulated,
    }


def _baseline(found: WhatIf) -> Json:
    chosen = found.baseline.chosen
    offer: Json = dict.fromkeys(PricedOfferOut.model_fields) if chosen is None else _offer(chosen)
    offer_id = offer.pop("offer_id")
    return {
        "chosen": offer_id,
        **offer,
        "candidates": len(found.baseline.ranked),
        "rationale": found.baseline.reason or found.baseline.rationale,
    }


def _change(one: Alternative) -> Json:
    return {
        "changes": [
            {"limit": change.limit, "asked": change.asked, "instead": change.instead}
            for change in one.changes
        ],
        "offers": one.offers,
        "best": _offer(one.best),
        "better": one.better,
        "would_be_chosen": one.chosen,
        "saves_usd_per_hour": one.saves_usd_per_hour,
        "text": one.text,
    }


def _offer(one: RankedOffer) -> Json:
    return {
        "offer_id": one.offer_id,
        "provider": one.fit.offer.provider,
        "price_usd_per_hour": one.price_usd_per_hour,
        "price_usd_per_gpu_hour": one.price_usd_per_gpu_hour,
        "price_kind": one.price_kind,
        "estimated_latency_ms": round(one.estimated_latency_ms, 1),
        "score": round(one.score, 6),
    }
