"""The worked examples of the documents, computed with the production code."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from aurora.domain.billing import BillingRule
from aurora.domain.gpu_table import GpuTable
from aurora.domain.money import usd
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.region import RegionTable
from aurora.domain.request import ComputeRequest, Weights, Workload, WorkloadType
from aurora.providers.akash.prices import GpuPrice
from aurora.providers.akash.pricing import disk_usd_gb_hour, hourly, most_per_block, shape_for
from aurora.providers.fields import Fields
from aurora.providers.vastai.parse import OfferReader, quoted
from aurora.providers.vastai.pricing import Price
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.fit import Asked, Fit
from aurora.routing.scoring import References, policy_named, total
from aurora.services.reputation import score
from tests.docs.pages import ROOT, read, rows, section

NOW = datetime(2026, 6, 3, tzinfo=UTC)
GPUS = GpuTable.load()
REGIONS = RegionTable.load()
CAPTURE = ROOT / "tests/fixtures/vastai/bundles_a100_2026-06-03.json"
CAPTURED_DISK_GB = 5.0


def table(page: str, heading: str) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in rows(section(read(page), heading))}


def example() -> dict[str, float]:
    """The inputs, which stand in the table of two columns."""
    lines = rows(section(read("scoring.md"), "## Worked example"))
    return {row[0]: float(row[1]) for row in lines if len(row) == 2}


def request(given: dict[str, float]) -> ComputeRequest:
    return ComputeRequest(
        workload_type=WorkloadType.LLM_INFERENCE,
        gpu=GPUS.parse_query("a100"),
        gpu_count=1,
        gpu_hours=Decimal(1),
        max_price=Decimal(5),
        max_latency_ms=given["max_latency_ms"],
        min_reputation=70,
        weights=Weights(
            *(given[f"weight {name}"] for name in ("price", "latency", "reputation", "availability"))
        ),
        workload=Workload(image="any", disk_gb=0),
    )


def fit(given: dict[str, float], asked: ComputeRequest) -> Fit:
    offer = Offer(
        provider="vastai",
        external_id="1",
        gpu=GPUS.identify("A100 SXM4"),
        gpu_count=1,
        price_per_hour=usd(given["price (USD per GPU-hour, all in)"]),
        price_kind=PriceKind.FIRM,
        seen_at=NOW,
    )
    candidate = Candidate(
        offer,
        ProviderState("vastai"),
        reputation=given["reputation"],
        latency_ms=given["latency (ms)"],
        free=given["free"],
        total=given["total"],
    )
    return Asked(asked, regions=REGIONS, now=NOW).fit(candidate)


@pytest.mark.parametrize(("policy", "column"), [("balanced", 1), ("seed-v1", 2)])
def test_the_scoring_example_is_what_the_policy_computes(policy: str, column: int) -> None:
    given = example()
    asked = request(given)
    reference = References.of(asked, price_usd=usd(given["reference price"]))

    terms = policy_named(policy).scorer(reference)(fit(given, asked))

    lines = rows(section(read("scoring.md"), "## Worked example"))
    shown = {row[0]: row[column] for row in lines if len(row) == 3}
    assert shown == {**{name: f"{part:.6f}" for name, part in terms.items()}, "score": f"{total(terms):.6f}"}


def test_availability_is_full_from_five_launches_on_and_half_when_nobody_says() -> None:
    given = example()
    asked = replace(request(given), weights=Weights(0, 0, 0, 1))
    known = fit(given, asked)
    silent = known._replace(candidate=replace(known.candidate, free=None))
    plenty = known._replace(candidate=replace(known.candidate, free=7.0))
    scorer = policy_named("balanced").scorer(References.of(asked, price_usd=None))

    assert (scorer(plenty)["availability"], scorer(silent)["availability"]) == (1.0, 0.5)


def test_the_reputation_examples_are_what_the_formula_gives() -> None:
    for prior, good, bad, shown in table("scoring.md", "## Reputation").values():
        assert shown == f"{score(float(prior), int(good), int(bad)):.4f}"


def test_the_price_example_is_what_the_adapter_computes() -> None:
    shown = {name: cells[0] for name, cells in table("providers.md", "### Price").items()}
    offers = json.loads(CAPTURE.read_text(encoding="utf-8"), parse_float=Decimal)["offers"]
    row = next(each for each in offers if each["id"] == 30178907)
    price = Price.of(Fields(row), allocated_gb=CAPTURED_DISK_GB)
    reader = OfferReader("vastai", gpus=GPUS, places=REGIONS, emulated=False)
    offer = reader.offer(row, slice_key="A100 SXM4", seen_at=NOW, allocated_gb=CAPTURED_DISK_GB)
    quote = quoted(price, disk_gb=40)

    assert shown == {
        "dph_base per hour": f"{row['dph_base']:.9f}",
        "storage_cost per GB and month": f"{row['storage_cost']:.9f}",
        "dph_total per hour with 5 GB, as captured": f"{row['dph_total']:.9f}",
        "quote per hour with 40 GB": f"{quote:.9f}",
        "decided per hour with 40 GB": f"{offer.price_with_disk(40):.9f}",
        "30 minutes at the quote": f"{BillingRule().cost(quote, 1800):.9f}",
    }
    assert offer.price_with_disk(40) >= quote


def test_a_name_that_is_no_gpu_stays_unknown() -> None:
    assert "`Stable Diffusion Compatible`" in read("providers.md")
    assert not GPUS.identify("Stable Diffusion Compatible").known


def test_akashs_prices_are_computed_as_the_page_says() -> None:
    page = section(read("providers.md"), "### Estimate, bid, charge")
    lines = [Decimal(row[1]) for row in rows(page)]
    card, _, all_in, disk, estimate = lines

    assert GpuPrice(card).all_in(shape_for(80)) == all_in
    assert 40 * disk_usd_gb_hour() == disk
    assert all_in + disk == estimate
    assert f"{hourly({'uact': Decimal('4262.041502')})}: nine places" in page
    assert f"a ceiling of 3 USD/h is {most_per_block(Decimal(3))}" in page
