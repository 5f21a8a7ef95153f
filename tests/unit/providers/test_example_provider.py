"""The example of docs/add-a-provider.md is registered, read and routed on."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

from aurora.domain.gpu import GpuQuery
from aurora.domain.health import ProviderStatus
from aurora.domain.region import RegionTable
from aurora.domain.request import ComputeRequest, WorkloadType
from aurora.providers.base import Cursor
from aurora.providers.registry import ProviderRegistry
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.router import decide
from aurora.routing.snapshot import MarketSnapshot

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "my_market.py"


@pytest.fixture
def registry() -> ProviderRegistry:
    found = importlib.util.spec_from_file_location("my_market", EXAMPLE)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    made = ProviderRegistry()
    module.add_to(made)
    return made


def test_the_example_is_under_sixty_lines():
    assert len(EXAMPLE.read_text().splitlines()) < 60


async def test_its_good_offers_are_read_its_odd_one_is_counted_and_a_request_is_routed_to_it(registry):
    provider = registry.get("mymarket")
    assert provider.get_metrics().get_success_rate() is None

    page = await provider.offers_page(Cursor("all"))

    assert [offer.external_id for offer in page.offers] == ["a-1", "a-8"]
    assert [(one.reason, one.count) for one in page.rejected] == [("ValueError", 1)]
    assert provider.get_metrics().get_success_rate() == 1.0
    assert registry.get_all_healthy() == [provider]
    candidates = [
        Candidate(offer, ProviderState("mymarket", ProviderStatus.HEALTHY)) for offer in page.offers
    ]
    regions = RegionTable.load()
    now = page.offers[0].seen_at
    asked = ComputeRequest(
        workload_type=WorkloadType.GENERAL,
        gpu=GpuQuery("a100"),
        gpu_count=1,
        gpu_hours=Decimal(1),
        max_price=Decimal(2),
        max_latency_ms=500,
        min_reputation=50,
        region="us-west",
    )
    decision = decide(MarketSnapshot.of(candidates, regions=regions, taken_at=now), asked, now=now)
    assert decision.chosen is not None
    assert decision.chosen.offer_id == "mymarket:a-1"
    await registry.aclose()
