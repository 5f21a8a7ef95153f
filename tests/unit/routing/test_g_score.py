"""The G-Score: its parts, what it does without data, and the example of docs/scoring.md."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.routing.g_score import WEIGHTS, Evidence, g_score

PAGE = Path(__file__).parents[3] / "docs" / "scoring.md"
FULL = Evidence(
    usd_per_gpu_hour=1.20,
    usual_usd=1.60,
    reliability=0.985,
    down_mbps=800.0,
    up_mbps=200.0,
    launches_good=17,
    launches_bad=1,
)


def maybe(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(low, high)


EVIDENCE = st.builds(
    Evidence,
    usd_per_gpu_hour=st.floats(0, 100),
    usual_usd=maybe(0, 100),
    reliability=maybe(0, 1),
    down_mbps=maybe(0, 1e6),
    up_mbps=maybe(0, 1e6),
    launches_good=st.integers(0, 1000),
    launches_bad=st.integers(0, 1000),
)


def value(evidence: Evidence) -> float:
    found = g_score(evidence)
    assert found is not None
    return found.value


def documented(column: int) -> dict[str, float]:
    """The numbers of one column of the worked example, inputs and parts."""
    text = PAGE.read_text(encoding="utf-8")
    part = text.partition("### Worked G-Score\n")[2].partition("\n## ")[0]
    found: dict[str, float] = {}
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[column] not in {"complete", "sparse", "-"}:
            found[cells[0] if cells[0] not in found else f"part {cells[0]}"] = float(cells[column])
    return found


@pytest.mark.parametrize("column", [1, 2])
def test_the_documents_example_is_what_the_formula_gives(column: int):
    given_ = documented(column)
    found = g_score(
        Evidence(
            usd_per_gpu_hour=given_["price"],
            usual_usd=given_["usual price"],
            reliability=given_["reliability"] if column == 1 else None,
            down_mbps=given_["Mbit/s down"],
            up_mbps=given_["Mbit/s up"],
            launches_good=int(given_["good launches"]),
            launches_bad=int(given_["bad launches"]),
        )
    )

    assert found is not None
    assert round(found.value, 4) == given_["G-Score"]
    assert round(found.parts["price"], 6) == given_["part price"]
    assert round(found.parts["network"], 6) == given_["network"]
    if column == 1:
        assert round(found.parts["reliability"], 6) == given_["part reliability"]
        assert round(found.parts["launches"], 6) == given_["launches"]


def test_the_document_states_the_weights_of_the_code():
    text = PAGE.read_text(encoding="utf-8").partition("## G-Score\n")[2]

    for name, weight in WEIGHTS.items():
        assert f"\n{name:<12} {weight:.2f} " in text
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


@given(EVIDENCE)
def test_a_score_lies_between_0_and_100_and_names_every_part_once(evidence: Evidence):
    found = g_score(evidence)

    if found is None:
        assert evidence.reliability is None
        assert not evidence.usual_usd
        return
    assert 0.0 <= found.value <= 100.0 + 1e-9
    assert sorted([*found.parts, *found.missing]) == sorted(WEIGHTS)


def test_nothing_known_is_no_score_rather_than_a_good_or_a_bad_one():
    assert g_score(Evidence(1.0)) is None


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"usual_usd": None}, ("price",)),
        ({"reliability": None}, ("reliability",)),
        ({"down_mbps": None, "up_mbps": None}, ("network",)),
        ({"down_mbps": None}, ()),
        ({"launches_good": 0, "launches_bad": 0}, ("launches",)),
        ({"usual_usd": None, "reliability": None}, ("price", "reliability")),
    ],
)
def test_missing_parts_are_named_and_the_others_weigh_as_before_among_themselves(changes, missing):
    found = g_score(replace(FULL, **changes))

    assert found is not None
    assert found.missing == missing
    known = sum(WEIGHTS[name] for name in found.parts)
    parts = sum(WEIGHTS[name] * part for name, part in found.parts.items())
    assert found.value == pytest.approx(100 * parts / known)


@given(EVIDENCE, st.floats(0.01, 1))
def test_a_cheaper_offer_never_scores_less(evidence: Evidence, cut: float):
    cheaper = replace(evidence, usd_per_gpu_hour=evidence.usd_per_gpu_hour * cut)

    if g_score(evidence) is not None:
        assert value(cheaper) >= value(evidence) - 1e-9


def test_every_part_moves_the_score_in_its_direction():
    assert value(replace(FULL, reliability=0.999)) > value(FULL) > value(replace(FULL, reliability=0.92))
    assert value(replace(FULL, up_mbps=2000.0)) > value(FULL) > value(replace(FULL, down_mbps=10.0))
    assert value(replace(FULL, launches_good=40)) > value(FULL) > value(replace(FULL, launches_bad=9))


def test_few_launches_prove_little():
    lucky, proven = replace(FULL, launches_good=1, launches_bad=0), replace(FULL, launches_good=50)

    assert value(lucky) < value(proven)
    assert value(lucky) < 100
