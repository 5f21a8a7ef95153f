"""Random markets for property tests."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.health import ProviderStatus
from aurora.domain.request import ComputeRequest, Weights
from aurora.routing.candidate import Candidate, ProviderAbilities, ProviderState
from tests.unit.routing.market import NOW, candidate, request

PRICES = st.integers(1, 600).map(lambda cents: Decimal(cents) / 100)
MODELS = st.sampled_from(
    [
        GpuModel("a100", "sxm", 80),
        GpuModel("a100", "pcie", 40),
        GpuModel("a100"),
        GpuModel("rtx4090", None, 24),
    ]
)
PLACES = st.sampled_from(
    [frozenset[str](), frozenset({"us-west"}), frozenset({"us-east"}), frozenset({"eu-west", "eu-central"})]
)
STATES = st.sampled_from(
    [
        ProviderState("vastai"),
        ProviderState("aethir"),
        ProviderState("akash", abilities=ProviderAbilities(custom_sizes=True)),
        ProviderState("ionet", abilities=ProviderAbilities(min_rental_minutes=60)),
        ProviderState("salad", abilities=ProviderAbilities(command=False)),
        ProviderState("render", quota_until=NOW + timedelta(hours=1)),
        ProviderState("flux", status=ProviderStatus.DISABLED, reason="switched off"),
    ]
)


@st.composite
def candidates(draw: st.DrawFn, number: int) -> Candidate:
    return candidate(
        str(number),
        state=draw(STATES),
        gpu=draw(MODELS),
        gpu_count=draw(st.sampled_from([1, 1, 1, 2, 8])),
        price=str(draw(PRICES) / 2),
        regions=draw(PLACES),
        spot=draw(st.booleans()),
        age_s=draw(st.sampled_from([0, 0, 0, 899, 5000])),
        reputation=draw(st.integers(60, 100)) * 1.0,
        free=draw(st.sampled_from([None, 1, 9, 0])),
        total=draw(st.sampled_from([None, 9])),
        extra_latency_ms=draw(st.sampled_from([0.0, 50.0, 200.0])),
    )


@st.composite
def markets(draw: st.DrawFn, most: int = 25) -> list[Candidate]:
    return [draw(candidates(number)) for number in range(draw(st.integers(0, most)))]


@st.composite
def requests(draw: st.DrawFn) -> ComputeRequest:
    return request(
        gpu=draw(st.sampled_from([GpuQuery("a100"), GpuQuery("a100", None, 80), GpuQuery("rtx4090")])),
        gpu_count=draw(st.sampled_from([1, 1, 2])),
        gpu_hours=draw(st.sampled_from([Decimal("0.5"), Decimal(2)])),
        region=draw(st.sampled_from(["global", "us-west", "eu-west"])),
        max_price=draw(PRICES),
        max_total_cost=draw(st.sampled_from([None, None, Decimal("0.80"), Decimal(6)])),
        max_latency_ms=draw(st.sampled_from([500.0, 1000.0, 100.0, 25.0])),
        min_reputation=draw(st.sampled_from([0.0, 70.0, 90.0])),
        min_vram_gb=draw(st.sampled_from([None, None, 48.0])),
        spot=draw(st.sampled_from([True, True, False])),
        allow_larger=draw(st.booleans()),
        exclude_providers=draw(st.sampled_from([frozenset[str](), frozenset({"vastai"})])),
        policy=draw(st.sampled_from(["balanced", "seed-v1"])),
        weights=draw(st.sampled_from([Weights(), Weights(1, 0, 0, 0), Weights(0.2, 0.4, 0.2, 0.2, 0.3)])),
    )
