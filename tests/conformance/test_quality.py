"""The kit is whole: every rule has a test, every adapter a description, and every QUALITY.md says of each rule what holds."""

import json
from decimal import Decimal

import pytest

from aurora.conformance.rules import LIVE, RULES
from tests.conformance import test_failures, test_promises, test_time_and_money
from tests.conformance.description import missing
from tests.conformance.kit import DESCRIPTIONS, HERE, PROVIDERS, known_offers, promise, quality

FOLDERS = sorted(file.parent.name for file in PROVIDERS.glob("*/__init__.py"))
SHORTEST_REASON = 3
"""Words."""
FEWEST = 3
"""Known offers."""


def test_every_rule_is_shown_by_a_test_and_every_live_one_is_in_the_examination():
    shown = {
        rule
        for module in (test_promises, test_failures, test_time_and_money)
        for test in vars(module).values()
        for rule in getattr(test, "promises", ())
    }

    assert shown == set(RULES)
    assert set(LIVE) <= set(RULES)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_rule_is_done_in_each_quality_file_or_exempt_with_a_reason(folder):
    states = quality(PROVIDERS / folder)

    assert [rule for rule in RULES if rule not in states] == []
    assert [rule for rule in states if rule not in RULES] == []
    assert [rule for rule, (state, _) in states.items() if state not in {"done", "exempt"}] == []
    reasons = {rule: why for rule, (state, why) in states.items() if state == "exempt"}
    assert [rule for rule, why in reasons.items() if len(why.split()) < SHORTEST_REASON] == []
    if folder != "fake":  # it is no market: nothing is bought there
        assert [rule for rule in reasons if not RULES[rule].may_be_exempt] == []


def test_every_adapter_is_described_to_the_kit():
    described = {each.folder for each in DESCRIPTIONS} | {each.name for each in DESCRIPTIONS}

    assert set(FOLDERS) <= described
    assert len({each.name for each in DESCRIPTIONS}) == len(DESCRIPTIONS)


@promise("known-offers")
def test_known_offers_say_how_they_were_worked_out(described):
    table = known_offers(described)

    if len(table["offers"]) < FEWEST:
        missing(f"tests/conformance/known_offers/{described.known}.json", f"{FEWEST} offers at least")
    assert table["source"]
    assert table["rule"]
    assert all(row["arithmetic"] and Decimal(row["usd_per_gpu_hour"]) > 0 for row in table["offers"])


def test_every_table_of_known_offers_is_used():
    files = {file.stem for file in (HERE / "known_offers").glob("*.json")}

    assert files == {each.known for each in DESCRIPTIONS if each.known}
    assert all(json.loads((HERE / "known_offers" / f"{name}.json").read_text()) for name in files)


def test_the_page_for_new_providers_names_every_rule():
    page = (HERE.parents[1] / "docs" / "add-a-provider.md").read_text(encoding="utf-8")

    assert f"keeps {len(RULES)} promises" in page
    assert [rule for rule in RULES if f"`{rule}`" not in page] == []
