"""The policy `telemetry`: the formula, the hard rejects, the sentences."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.health import ProviderStatus
from aurora.domain.request import WorkloadType
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.decision import Decision
from aurora.routing.performance import WINDOW_S, Performance, Telemetry
from aurora.routing.policies import POLICIES, policies_with
from aurora.routing.router import decide
from aurora.routing.scoring import total
from aurora.routing.telemetry import FORMULA, Taste, figures
from tests.unit.routing.market import NOW, candidate, request, snapshot

MEASURED = Performance("telemetry", runs_per_s=36 / 3600, latency_ms=250.0, last_event_at=NOW)
T4 = GpuModel("t4", None, 16)
TASTES = {WorkloadType.LLM_INFERENCE: Taste(frozenset({"a100"}), 16.0)}


def decided(
    market: list[Candidate],
    performances: Mapping[str, Performance] | None = None,
    *,
    budget_used: Mapping[str, float] | None = None,
    tastes: Mapping[WorkloadType, Taste] | None = None,
    **changes: object,
) -> Decision:
    telemetry = Telemetry(performances or {}, budget_used or {})
    return decide(
        replace(snapshot(market), telemetry=telemetry),
        request(policy="telemetry", **changes),
        now=NOW,
        policies=POLICIES if tastes is None else policies_with(tastes),
    )


def of(provider: str, external_id: str = "1", **changes: object) -> Candidate:
    return candidate(external_id, state=ProviderState(provider), **changes)


def test_the_parts_are_weighted_as_documented_and_add_up_to_the_score():
    found = decided([of("vastai")], {"vastai": MEASURED}, budget_used={"default": 0.25})

    assert found.chosen is not None
    assert found.chosen.terms == {
        "task_fit": 0.35,
        "throughput": 0.25 * 0.01,
        "latency": pytest.approx(0.20 * 0.95),
        "consumption": pytest.approx(0.15),
    }
    assert found.chosen.score == pytest.approx(0.6925)
    assert (found.policy, found.policy_version, sum(FORMULA.values())) == (
        "telemetry",
        "telemetry/1",
        pytest.approx(1.0),
    )


def test_the_documents_examples_are_what_the_formula_gives():
    page = Path(__file__).parents[3] / "docs" / "scoring.md"
    text = page.read_text(encoding="utf-8").partition("## `telemetry`\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")][1:]

    assert len(lines) == 3
    for _, source, fits, ran, mean, used, score in ([cell.strip() for cell in line] for line in lines):
        runs = None if ran == "-" else float(ran) / WINDOW_S
        known = Performance(source, runs_per_s=runs, latency_ms=None if mean == "-" else float(mean))
        parts = (float(fits), *figures(known, None if used == "-" else float(used)))
        total = sum(weight * part for weight, part in zip(FORMULA.values(), parts, strict=True))
        assert f"{total:.4f}" == score


@pytest.mark.parametrize(
    ("gpu", "vram_gb", "expected"),
    [
        (GpuModel("a100", "pcie", 40), None, 1.0),
        (T4, None, 0.5),
        (T4, 15.0, 0.0),
        (GpuModel("mystery", known=False), None, 0.0),
        (GpuModel("mystery", known=False), 24.0, 0.5),
    ],
)
def test_a_preferred_gpu_fits_best_and_enough_memory_fits_by_half(gpu, vram_gb, expected):
    found = decided([of("vastai", gpu=gpu, vram_gb=vram_gb)], tastes=TASTES, gpu=GpuQuery(gpu.family))

    assert found.chosen is not None
    assert found.chosen.terms["task_fit"] == pytest.approx(0.35 * expected)


def test_a_workload_type_that_prefers_nothing_takes_any_gpu():
    found = decided([of("vastai", gpu=T4)], tastes={}, gpu=GpuQuery("t4"))

    assert found.chosen is not None
    assert found.chosen.terms["task_fit"] == 0.35


@pytest.mark.parametrize(
    ("performance", "budget_used", "expected"),
    [
        (Performance("static"), 0.9, (0.5, 0.5, 0.5)),
        (Performance("cli"), None, (0.5, 0.5, 0.5)),
        (Performance("telemetry"), 0.9, (0.0, 0.0, 0.5)),
        (Performance("telemetry", runs_per_s=3.0, latency_ms=0.0), None, (1.0, 1.0, 0.5)),
        (Performance("telemetry", runs_per_s=0.5, latency_ms=-7.0), 0.0, (0.5, 1.0, 1.0)),
        (Performance("telemetry", runs_per_s=0.5, latency_ms=5000.0), 1.0, (0.5, 0.0, 0.0)),
        (Performance("telemetry", runs_per_s=0.5, latency_ms=9000.0), 1.5, (0.5, 0.0, 0.0)),
        (Performance("telemetry", runs_per_s=0.0), 0.5, (0.0, 0.0, 0.5)),
    ],
)
def test_what_is_measured_is_capped_and_what_is_not_has_its_documented_value(
    performance, budget_used, expected
):
    assert figures(performance, budget_used) == pytest.approx(expected)


@given(
    runs=st.none() | st.floats(0, 1e6),
    latency=st.none() | st.floats(-1e6, 1e6),
    used=st.none() | st.floats(0, 1e6),
    source=st.sampled_from(["static", "cli", "telemetry"]),
)
def test_every_figure_stays_between_0_and_1(runs, latency, used, source):
    found = figures(Performance(source, runs_per_s=runs, latency_ms=latency), used)

    assert all(0.0 <= part <= 1.0 for part in found)


def test_the_rationale_of_a_choice_names_source_score_and_who_was_rejected_and_why():
    quiet = Performance("telemetry", runs_per_s=0.1, last_event_at=NOW - timedelta(seconds=601))
    full = ProviderState("flux", quota_until=NOW + timedelta(hours=1))

    found = decided(
        [of("vastai"), of("akash"), candidate("3", state=full)], {"vastai": MEASURED, "akash": quiet}
    )

    assert found.rationale == (
        "Selected vastai (source: telemetry, score: 0.642). Rejected 2: "
        "akash: stale performance data for akash (last event: 2026-06-03T11:49:59Z); "
        "flux: subscription limit reached for flux"
    )


def test_a_choice_without_rejections_says_only_who_was_selected():
    assert decided([of("vastai")]).rationale == "Selected vastai (source: static, score: 0.675)"


def test_nobody_within_the_limits_and_everybody_rejected_are_told_apart():
    closed = ProviderState("akash", create_breaker_open=True)

    assert decided([of("vastai", price="9.00")]).rationale == "No candidates available"
    assert decided([]).rationale == "No candidates available"
    assert (
        decided([candidate(state=closed)]).rationale == "All candidates rejected: akash: akash is unhealthy"
    )


def test_a_refusal_still_says_which_filter_removed_how_many_and_what_would_help():
    found = decided([of("vastai", price="9.00")])

    assert found.reason == (
        "No viable providers for 1 x a100: of 1 offers the filters removed price 1. "
        "Nearest: max_price 9.00 instead of 3.00 would give 1 offer."
    )


@pytest.mark.parametrize(
    ("state", "performance"),
    [
        (ProviderState("x", create_breaker_open=True), Performance()),
        (ProviderState("x", credential_refused=True), Performance()),
        (ProviderState("x", status=ProviderStatus.DISABLED), Performance()),
        (ProviderState("x"), Performance(status=ProviderStatus.UNAVAILABLE)),
    ],
)
def test_an_unhealthy_provider_is_rejected_under_the_providers_reason(state, performance):
    found = decided([candidate(state=state)], {"x": performance})

    assert [(one.reason.value, one.detail) for one in found.eliminated] == [("provider", "x is unhealthy")]


def test_a_degraded_provider_is_judged_by_its_figures():
    assert decided([of("x")], {"x": Performance(status=ProviderStatus.DEGRADED)}).chosen is not None


@pytest.mark.parametrize(
    ("source", "heard", "detail"),
    [
        ("telemetry", NOW - timedelta(seconds=600), ""),
        (
            "telemetry",
            NOW - timedelta(hours=2),
            "stale performance data for x (last event: 2026-06-03T10:00:00Z)",
        ),
        ("telemetry", None, "stale performance data for x (last event: never)"),
        ("static", NOW - timedelta(hours=2), ""),
        ("cli", None, ""),
    ],
)
def test_old_figures_reject_a_provider_unless_nobody_measures_it(
    source: str, heard: datetime | None, detail: str
):
    found = decided([of("x")], {"x": Performance(source, runs_per_s=0.1, last_event_at=heard)})

    assert [one.detail for one in found.eliminated] == ([detail] if detail else [])


def test_the_tenants_own_limits_are_named_before_the_policys():
    quiet = Performance("telemetry", runs_per_s=0.1)

    found = decided([of("x")], {"x": quiet}, exclude_providers=frozenset({"x"}))

    assert found.rationale == "All candidates rejected: x: x is excluded by the request"


def test_a_rejection_by_the_policy_is_relaxed_by_another_policy_only_where_that_helps():
    quiet = Performance("telemetry", runs_per_s=0.1)
    full = ProviderState("flux", quota_until=NOW + timedelta(hours=1))

    found = decided([of("x"), candidate("3", state=full)], {"x": quiet})

    assert [str(one) for one in found.relaxations] == [
        "policy balanced instead of telemetry would give 1 offer"
    ]
    changed = found.relaxations[0].request
    assert changed is not None
    assert decide(snapshot([of("x")]), changed, now=NOW).chosen is not None


def test_equal_scores_keep_the_order_in_which_the_providers_came():
    market = [of("vastai", price="2.00"), of("akash", price="1.00"), of("flux", price="0.50")]

    assert [one.fit.offer.provider for one in decided(market).ranked] == ["vastai", "akash", "flux"]
    assert [one.fit.offer.provider for one in decided(market[::-1]).ranked] == ["flux", "akash", "vastai"]


def test_of_one_providers_equal_offers_the_cheaper_one_comes_first():
    market = [of("vastai", "dear", price="2.00"), of("vastai", "cheap", price="1.00")]

    chosen = decided(market).chosen

    assert chosen is not None
    assert (chosen.offer_id, chosen.price_usd_per_hour) == ("vastai:cheap", Decimal("1.00"))


def test_a_gpu_that_is_not_preferred_but_large_enough_scores_what_its_terms_say():
    found = decided([candidate("1")], tastes={WorkloadType.LLM_INFERENCE: Taste(frozenset({"t4"}), 48.0)})

    assert found.ranked[0].terms["task_fit"] == 0.35 * 0.5
    assert found.ranked[0].score == total(found.ranked[0].terms)
