"""`GET /offers`."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.offer_listing import OfferFilter, OfferPage, gpu_price, vram_gb
from aurora.api.ports import AuroraPort, Json
from aurora.api.schemas.catalogue import EXAMPLE as CATALOGUE_EXAMPLE
from aurora.api.schemas.catalogue import CatalogueStateOut, states
from aurora.domain.offer import Offer, PriceKind
from aurora.routing.g_score import WEIGHTS, GScore
from aurora.services.intake import GLOBAL, RequestIntake

_OFFER: JsonDict = {
    "id": "vastai:8133742",
    "provider": "vastai",
    "model": "A100 SXM4",
    "gpu_type": "a100-sxm-80gb",
    "gpu_family": "a100",
    "vram_gb": 80,
    "gpu_count": 1,
    "price_per_hour": 1.21,
    "price_usd_per_gpu_hour": 1.21,
    "price_kind": "firm",
    "region": "us-west",
    "regions": ["us-west"],
    "country": "US",
    "spot": False,
    "available": 1,
    "g_score": 63.4,
    "g_score_parts": {"price": 0.55, "reliability": 0.88, "network": 0.66, "launches": None},
    "reputation": 86.0,
    "seen_at": "2026-01-15T11:59:18.800Z",
    "age_seconds": 41.2,
    "emulated": True,
}


class OfferQuery(BaseModel):
    """Filters, order and page. What is not known here is ignored."""

    gpu_type: str | None = Field(None, description="`a100`, `a100-80gb`, `a100-sxm-80gb`")
    provider: str | None = Field(None, description="One or more, comma-separated.")
    region: str | None = Field(None, description="A macro region; offers of unknown place fit all.")
    max_price: Decimal | None = Field(None, gt=0, allow_inf_nan=False, description="USD per GPU and hour.")
    min_vram_gb: float | None = Field(None, ge=0, allow_inf_nan=False, description="Per GPU.")
    gpu_count: int | None = Field(None, ge=1)
    spot: bool | None = None
    available: bool | None = Field(None, description="true: free, or the market does not say.")
    sort: str = Field(
        "price",
        description="price (per GPU), price_per_hour, g_score, reputation, seen_at, vram_gb, gpu_count, available; "
        "`-` in front: largest first.",
    )
    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = None

    def wanted(self, intake: RequestIntake) -> OfferFilter:
        """Raises InvalidRequest for names that nobody knows."""
        names = self.provider.split(",") if self.provider else ()
        return OfferFilter(
            gpu=None if self.gpu_type is None else intake.gpu(self.gpu_type),
            providers=frozenset(intake.provider(name) for name in names),
            region=GLOBAL if self.region is None else intake.region(self.region),
            max_price=self.max_price,
            min_vram_gb=self.min_vram_gb,
            gpu_count=self.gpu_count,
            spot=self.spot,
            available=self.available,
        )


class OfferOut(BaseModel):
    """What a market sells now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_OFFER]})

    id: str
    provider: str
    model: str = Field(description="The market's own name of the GPU.")
    gpu_type: str = Field(description="Our name of the variant, as `gpu_type` of a request takes it.")
    gpu_family: str
    vram_gb: float | None = Field(description="Per GPU.")
    gpu_count: int
    price_per_hour: float = Field(
        description="USD for the whole offer, without disk beyond what is included."
    )
    price_usd_per_gpu_hour: float
    price_kind: PriceKind
    region: str | None = Field(description="The macro regions it may be in, comma-separated; null: unknown.")
    regions: list[str]
    country: str | None
    spot: bool
    available: int | None = Field(
        description="Launches of this size that are free; null: the market does not say."
    )
    g_score: float | None = Field(
        description="0 to 100 (docs/scoring.md); null when nothing is known of the offer."
    )
    g_score_parts: dict[str, float | None] = Field(
        description="What it is made of, 0 to 1; null: no data, left out of the score."
    )
    reputation: float
    seen_at: datetime
    age_seconds: float
    emulated: bool


class OfferListOut(BaseModel):
    """One page. `total` counts all matches; `providers` says how complete the catalogue behind them is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "offers": [_OFFER],
                    "total": 1,
                    "next_cursor": None,
                    "providers": CATALOGUE_EXAMPLE,
                    "emulated": True,
                }
            ]
        },
    )

    offers: list[OfferOut]
    total: int
    next_cursor: str | None
    providers: dict[str, CatalogueStateOut]
    emulated: bool


def offers_answer(aurora: AuroraPort, page: OfferPage) -> Json:
    now = aurora.clock.now()
    return {
        "offers": [_row(aurora, offer, now=now) for offer in page.offers],
        "total": page.total,
        "next_cursor": page.cursor,
        "providers": states(aurora),
        "emulated": aurora.emulated,
    }


def _row(aurora: AuroraPort, offer: Offer, *, now: datetime) -> Json:
    regions, score = sorted(offer.regions), aurora.g_scores.of(offer.id)
    return {
        "id": offer.id,
        "provider": offer.provider,
        "model": offer.gpu_raw or offer.gpu.name,
        "gpu_type": offer.gpu.name,
        "gpu_family": offer.gpu.family,
        "vram_gb": vram_gb(offer),
        "gpu_count": offer.gpu_count,
        "price_per_hour": offer.price_per_hour,
        "price_usd_per_gpu_hour": round(gpu_price(offer), 9),
        "price_kind": offer.price_kind,
        "region": ",".join(regions) or None,
        "regions": regions,
        "country": offer.country,
        "spot": offer.spot,
        "available": offer.available,
        "g_score": None if score is None else round(score.value, 1),
        "g_score_parts": {name: _part(score, name) for name in WEIGHTS},
        "reputation": round(aurora.reputation.of(offer.provider, offer.host), 1),
        "seen_at": offer.seen_at,
        "age_seconds": max(0.0, round((now - offer.seen_at).total_seconds(), 1)),
        "emulated": offer.emulated,
    }


def _part(score: GScore | None, name: str) -> float | None:
    part = None if score is None else score.parts.get(name)
    return None if part is None else round(part, 4)
