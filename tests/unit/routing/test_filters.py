"""Each limit eliminates for its own reason and says why; the first in the fixed order speaks."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aurora.domain.billing import BillingRule, BillingUnit
from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.health import ProviderStatus
from aurora.domain.request import Workload
from aurora.routing.candidate import ProviderAbilities, ProviderState
from aurora.routing.filters import OFFER_FILTERS, Reason
from tests.unit.routing.market import NOW, candidate, decision, refusal

ANYWHERE = frozenset[str]()
US = frozenset({"us-east", "us-central", "us-west"})


def state(**changes: Any) -> ProviderState:
    return ProviderState("vastai", **changes)


def abilities(**changes: Any) -> ProviderState:
    return state(abilities=ProviderAbilities(**changes))


def workload(**changes: Any) -> Workload:
    return Workload(image="busybox", **changes)


def test_an_offer_that_meets_every_limit_is_chosen() -> None:
    assert refusal(candidate()) == ("", "")


def test_another_region_is_refused_and_named() -> None:
    assert refusal(candidate(), region="eu-west") == ("region", "in us-west, not in eu-west")


@pytest.mark.parametrize("regions", [ANYWHERE, US, frozenset({"us-east"})])
def test_an_unknown_place_or_a_whole_country_fits_every_region_of_it(regions: frozenset[str]) -> None:
    assert refusal(candidate(regions=regions), region="us-east", max_latency_ms=1000.0) == ("", "")


def test_global_fits_every_place() -> None:
    assert refusal(candidate(regions=frozenset({"jp-kr"})), region="global") == ("", "")


def test_another_gpu_is_refused() -> None:
    one = candidate(gpu=GpuModel("h100", "sxm", 80))

    assert refusal(one) == ("gpu", "h100-sxm-80gb is not a100")
    assert refusal(candidate(), gpu=GpuQuery("a100", None, 40))[0] == "gpu"


@pytest.mark.parametrize(
    ("has", "asked", "larger", "reason"),
    [
        (1, 1, False, ""),
        (2, 1, False, "count"),
        (2, 1, True, ""),
        (1, 2, False, "count"),
        (1, 2, True, "count"),
    ],
)
def test_one_offer_must_have_exactly_the_gpus_or_more_where_larger_is_allowed(
    has: int, asked: int, larger: bool, reason: str
) -> None:
    assert refusal(candidate(gpu_count=has), gpu_count=asked, allow_larger=larger)[0] == reason


@pytest.mark.parametrize("asked", [1, 2, 4])
def test_a_provider_that_cuts_sizes_gives_exactly_the_gpus_asked_for_at_the_price_per_gpu(asked: int) -> None:
    one = candidate(gpu_count=2, price="3.00", state=abilities(custom_sizes=True))

    chosen = decision([one], gpu_count=asked).chosen

    assert chosen is not None
    assert chosen.fit.gpus == asked
    assert chosen.price_usd_per_hour == Decimal("1.50") * asked
    assert chosen.price_usd_per_gpu_hour == Decimal("1.50")


def test_a_larger_offer_is_paid_for_whole_and_compared_per_gpu_asked_for() -> None:
    chosen = decision([candidate(gpu_count=4, price="2.80")], allow_larger=True).chosen

    assert chosen is not None
    assert chosen.price_usd_per_hour == Decimal("2.80")
    assert chosen.price_usd_per_gpu_hour == Decimal("0.70")
    assert chosen.fit.effective_usd == Decimal("2.80")
    assert refusal(candidate(gpu_count=4, price="3.20"), allow_larger=True)[0] == "price"


def test_too_little_memory_or_an_unstated_one_is_refused() -> None:
    assert refusal(candidate(vram_gb=40.0), min_vram_gb=48) == ("vram", "40 GB per GPU, 48 GB are asked for")
    assert refusal(candidate(), min_vram_gb=80) == ("", "")
    assert refusal(candidate(gpu=GpuModel("a100")), min_vram_gb=40)[1].startswith(
        "memory per GPU is not stated"
    )


def test_latency_is_the_round_trip_from_the_region_plus_what_was_measured() -> None:
    near = candidate(extra_latency_ms=30.0)

    found = decision([near], region="us-west").chosen

    assert found is not None
    assert found.estimated_latency_ms == pytest.approx(51.2)
    assert refusal(near, region="us-west", max_latency_ms=50.0) == (
        "latency",
        "51.2 ms from us-west, limit 50 ms",
    )


def test_a_global_request_measures_from_the_home_region() -> None:
    found = decision([candidate()], home_region="eu-central").chosen

    assert found is not None
    assert found.estimated_latency_ms == pytest.approx(154.3)


def test_an_unknown_place_counts_as_the_farthest() -> None:
    assert refusal(candidate(regions=ANYWHERE), region="us-west", max_latency_ms=293.0)[0] == "latency"


def test_a_latency_known_as_a_whole_replaces_the_table() -> None:
    assert refusal(candidate(latency_ms=301.0, regions=ANYWHERE)) == (
        "latency",
        "301.0 ms from us-east, limit 300 ms",
    )


def test_reputation_below_the_limit_is_refused() -> None:
    assert refusal(candidate(reputation=69.9)) == ("reputation", "reputation 69.9, at least 70 is asked for")


def test_price_is_all_in_with_the_disk_asked_for() -> None:
    one = candidate(price="2.90", disk_price_gb_hour=Decimal("0.001"), disk_included_gb=10.0)

    assert refusal(one, workload=workload(disk_gb=110.0)) == ("", "")
    assert refusal(one, workload=workload(disk_gb=111.0)) == (
        "price",
        "$3.0010 per GPU-hour all in, limit $3.00",
    )


@pytest.mark.parametrize(
    ("one", "effective"),
    [
        (candidate(price="0.50", min_rental_minutes=60), "2.0"),
        (candidate(price="0.50", state=abilities(min_rental_minutes=60)), "2.0"),
        (candidate(price="0.50", state=state(billing=BillingRule(minimum_s=1800))), "1.0"),
        (
            candidate(
                price="0.50",
                state=state(billing=BillingRule(BillingUnit.HOUR_PREPAID, quantum_s=Decimal(3600))),
            ),
            "2.0",
        ),
        (candidate(price="0.50", min_rental_minutes=10), "0.5"),
    ],
)
def test_time_below_the_minimum_rental_is_part_of_the_price(one: Any, effective: str) -> None:
    chosen = decision([one], gpu_hours=Decimal("0.25")).chosen

    assert chosen is not None
    assert chosen.fit.effective_usd == Decimal(effective)
    assert chosen.price_usd_per_hour == Decimal("0.50")


def test_a_price_that_only_the_minimum_rental_lifts_over_the_limit_says_so() -> None:
    reason, detail = refusal(candidate(price="1.00", min_rental_minutes=60), gpu_hours=Decimal("0.25"))

    assert reason == "price"
    assert "the shortest rental is 4.00 x the time asked for" in detail


def test_the_whole_run_must_stay_below_max_total_cost() -> None:
    reason, detail = refusal(candidate(price="1.00"), gpu_hours=Decimal(10), max_total_cost=Decimal(9))

    assert (reason, detail) == ("price", "$10.0000 for the whole run, limit $9")


def test_no_free_launch_or_a_hold_after_a_refusal_is_refused_and_silence_counts_as_free() -> None:
    assert refusal(candidate(free=0, total=4)) == ("capacity", "nothing is free")
    assert refusal(candidate(free=1, total=4)) == ("", "")
    assert refusal(candidate(free=None)) == ("", "")
    assert refusal(candidate(held_until=NOW + timedelta(seconds=60)))[0] == "capacity"
    assert refusal(candidate(held_until=NOW)) == ("", "")


def test_capacity_is_counted_in_launches_of_the_asked_size() -> None:
    one = candidate(gpu_count=1, free=3, total=8, state=abilities(custom_sizes=True))

    assert refusal(one, gpu_count=3) == ("", "")
    assert refusal(one, gpu_count=4) == ("capacity", "3 free where 4 is needed")


@pytest.mark.parametrize(
    ("lacks", "wants"),
    [
        ({"deploy": False}, {}),
        ({"command": False}, {"command": ("sleep", "1")}),
        ({"ports": False}, {"ports": ("8080",)}),
        ({"udp_ports": False}, {"ports": ("53/udp",)}),
        ({"disk": False}, {"disk_gb": 100.0}),
        ({"private_registry": False}, {"registry_login": "user:password"}),
    ],
)
def test_what_a_provider_cannot_do_is_refused_only_when_it_is_wanted(lacks: Any, wants: Any) -> None:
    able, unable = (
        candidate(disk_included_gb=50.0),
        candidate(disk_included_gb=50.0, state=abilities(**lacks)),
    )

    assert refusal(able, workload=workload(**wants)) == ("", "")
    assert refusal(unable, workload=workload(**wants))[0] == "capability"
    if wants:
        assert refusal(unable, workload=workload()) == ("", "")


def test_a_machine_with_too_few_ports_too_little_disk_or_too_little_time_is_refused() -> None:
    assert refusal(candidate(max_ports=1), workload=workload(ports=("80", "443"))) == (
        "capability",
        "1 ports, 2 are asked for",
    )
    assert refusal(candidate(disk_max_gb=20.0), workload=workload(disk_gb=30.0))[0] == "capability"
    assert refusal(candidate(max_duration_s=3600.0), gpu_hours=Decimal(2)) == (
        "capability",
        "ends in 1.0 h, 2.0 h are asked for",
    )


def test_a_secret_of_the_workload_is_in_no_sentence() -> None:
    one = candidate(state=abilities(private_registry=False))

    found = decision([one], workload=workload(registry_login="user:hunter2"))

    assert "hunter2" not in found.rationale + found.eliminated[0].detail


def test_spot_is_refused_only_when_excluded() -> None:
    assert refusal(candidate(spot=True), spot=False)[0] == "spot"
    assert refusal(candidate(spot=True)) == ("", "")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": ProviderStatus.DISABLED, "reason": "no key"}, "vastai is disabled: no key"),
        ({"status": ProviderStatus.DISABLED}, "vastai is disabled"),
        ({"credential_refused": True}, "vastai refuses our credential"),
        (
            {"quota_until": NOW + timedelta(hours=1)},
            "vastai's quota is reached until 2026-06-03 13:00:00 UTC",
        ),
        ({"create_breaker_open": True}, "vastai's circuit breaker for creates is open"),
    ],
)
def test_a_provider_that_cannot_be_asked_is_refused_with_its_state(changes: Any, says: str) -> None:
    assert refusal(candidate(state=state(**changes))) == ("provider", says)


@pytest.mark.parametrize(
    "changes",
    [{"status": ProviderStatus.UNAVAILABLE}, {"status": ProviderStatus.DEGRADED}, {"quota_until": NOW}],
)
def test_other_states_keep_nobody_from_being_chosen(changes: Any) -> None:
    assert refusal(candidate(state=state(**changes))) == ("", "")


def test_the_tenants_lists_of_providers_are_kept() -> None:
    assert (
        refusal(candidate(), providers=frozenset({"akash"}))[1]
        == "vastai is not among the providers asked for"
    )
    assert (
        refusal(candidate(), exclude_providers=frozenset({"vastai"}))[1]
        == "vastai is excluded by the request"
    )
    assert refusal(candidate(), providers=frozenset({"vastai"})) == ("", "")


def test_an_offer_older_than_the_limit_is_stale() -> None:
    assert refusal(candidate(age_s=900)) == ("", "")
    assert refusal(candidate(age_s=901)) == ("stale", "seen 901 s ago, limit 900 s")


def test_g_score_filters_only_when_asked_for() -> None:
    assert refusal(candidate(g_score=10.0)) == ("", "")
    assert refusal(candidate(g_score=10.0), min_g_score=50.0)[0] == "g_score"
    assert refusal(candidate(), min_g_score=50.0) == (
        "g_score",
        "G-Score is not known, at least 50 is asked for",
    )
    assert refusal(candidate(g_score=50.0), min_g_score=50.0) == ("", "")


def test_the_first_filter_in_the_fixed_order_speaks() -> None:
    broken_in_all = candidate(
        gpu=GpuModel("t4", None, 16),
        gpu_count=2,
        price="9",
        reputation=0.0,
        latency_ms=999.0,
        free=0,
        spot=True,
        age_s=5000,
        g_score=0.0,
        state=ProviderState("vastai", credential_refused=True, abilities=ProviderAbilities(deploy=False)),
    )
    limits: dict[str, Any] = {"region": "af", "min_vram_gb": 80.0, "spot": False, "min_g_score": 50.0}
    mends: list[tuple[str, dict[str, Any]]] = [
        ("region", {"region": "us-west"}),
        ("gpu", {"gpu": GpuQuery("t4")}),
        ("count", {"gpu_count": 2}),
        ("vram", {"min_vram_gb": None}),
        ("latency", {"max_latency_ms": 1000.0}),
        ("reputation", {"min_reputation": 0.0}),
        ("price", {"max_price": Decimal(10)}),
    ]

    for reason, mend in mends:
        assert refusal(broken_in_all, **limits)[0] == reason
        limits |= mend
    assert refusal(broken_in_all, **limits)[0] == "capacity"
    order = [reason for reason, _ in OFFER_FILTERS]
    assert [Reason.REGION, Reason.GPU, *order] == list(Reason)
