"""Builders with defaults: a test shows only what matters to it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from aurora.domain.gpu import GpuModel
from aurora.domain.gpu_table import GpuTable
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.region import RegionTable
from aurora.domain.request import ComputeRequest, WorkloadType
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.decision import Decision
from aurora.routing.router import decide
from aurora.routing.snapshot import MarketSnapshot

NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
GPUS = GpuTable.load()
REGIONS = RegionTable.load()
A100 = GpuModel("a100", "sxm", 80)

_OFFER = Offer(
    provider="vastai",
    external_id="1",
    gpu=A100,
    gpu_count=1,
    price_per_hour=Decimal("1.00"),
    price_kind=PriceKind.FIRM,
    seen_at=NOW,
    regions=frozenset({"us-west"}),
    country="US",
)
_REQUEST = ComputeRequest(
    workload_type=WorkloadType.LLM_INFERENCE,
    gpu=GPUS.parse_query("a100"),
    gpu_count=1,
    gpu_hours=Decimal(2),
    max_price=Decimal("3.00"),
    max_latency_ms=300.0,
    min_reputation=70.0,
)


def offer(external_id: str = "1", *, price: str = "1.00", age_s: float = 0, **changes: Any) -> Offer:
    seen_at = NOW - timedelta(seconds=age_s)
    return replace(_OFFER, external_id=external_id, price_per_hour=Decimal(price), seen_at=seen_at, **changes)


def candidate(external_id: str = "1", *, state: ProviderState | None = None, **changes: Any) -> Candidate:
    """An offer's fields and a candidate's may be mixed in `changes`."""
    own = {key: changes.pop(key) for key in list(changes) if key in Candidate.__dataclass_fields__}
    seller = state or ProviderState(_OFFER.provider)
    return Candidate(offer(external_id, provider=seller.name, **changes), seller, **own)


def request(**changes: Any) -> ComputeRequest:
    return replace(_REQUEST, **changes)


def snapshot(
    candidates: Iterable[Candidate], reference_prices: Mapping[str, Decimal] | None = None
) -> MarketSnapshot:
    return MarketSnapshot.of(
        candidates, regions=REGIONS, taken_at=NOW, version="v1", reference_prices=reference_prices
    )


def decision(
    candidates: Iterable[Candidate], asked: ComputeRequest | None = None, **changes: Any
) -> Decision:
    return decide(snapshot(candidates), asked or request(**changes), now=NOW)


def refusal(one: Candidate, **changes: Any) -> tuple[str, str]:
    """The reason and sentence with which a single candidate is eliminated; ("", "") when it is chosen."""
    found = decision([one], **changes)
    return (found.eliminated[0].reason.value, found.eliminated[0].detail) if found.eliminated else ("", "")
