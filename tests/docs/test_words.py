"""Codes, states, alerts, faults and events that the documents explain are those that the code has."""

import re
from collections.abc import Iterator

import pytest
import yaml

from aurora.domain import errors
from aurora.domain.deployment import TRANSITIONS, AttemptState
from aurora.domain.errors import AuroraError, ProviderError
from aurora.emulators.faults import KINDS
from aurora.resilience.retry import NOT_TRANSIENT
from aurora.resilience.verdict import Verdict, judge
from aurora.services.alerts import RULES
from aurora.services.provider_status import Evidence, stale_after
from aurora.services.provider_status import judge as judge_provider
from tests.docs.pages import ROOT, read, rows, section


def family(kind: type[AuroraError]) -> Iterator[type[AuroraError]]:
    """The class and everything below it that domain/errors.py defines."""
    if kind.__module__ == errors.__name__:
        yield kind
    for below in kind.__subclasses__():
        yield from family(below)


def yes(*, answer: bool) -> str:
    return "yes" if answer else "no"


def test_every_error_code_is_explained() -> None:
    explained = read("providers.md") + read("operations.md")

    assert [one.code for one in family(AuroraError) if f"`{one.code}`" not in explained] == []


def test_the_table_of_provider_errors_says_what_the_classes_say() -> None:
    table = {row[0]: row[1:] for row in rows(section(read("providers.md"), "## Errors"))}
    found = {}
    for kind in family(ProviderError):
        error = kind("vastai", "detail")
        verdict = judge(error)
        good = ", a good answer" if verdict is Verdict.OK else ""
        found[kind.__name__] = [
            kind.code,
            yes(answer=kind.retryable),
            yes(answer=verdict is Verdict.FAIL) + good,
            yes(answer=kind.outcome_known),
        ]

    assert {name: [row[0], *row[2:]] for name, row in table.items()} == found
    assert sorted(NOT_TRANSIENT) == [501, 505]


def test_the_state_machine_is_the_one_of_the_code() -> None:
    table = rows(section(read("architecture.md"), "## States of a deployment"))

    assert {row[0]: set(row[1].split(", ")) for row in table} == {
        before.value: {after.value for after in afters} or {"none"} for before, afters in TRANSITIONS.items()
    }


def test_the_attempt_states_are_those_of_the_code() -> None:
    table = rows(section(read("architecture.md"), "## States of an attempt"))

    assert {row[0]: row[2] for row in table} == {
        state.value: yes(answer=state.may_cost) for state in AttemptState
    }


def test_every_alert_is_explained_and_has_its_rule_for_prometheus() -> None:
    table = rows(section(read("operations.md"), "## Alerts"))
    written = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    prometheus = {rule["alert"] for group in written["groups"] for rule in group["rules"]}

    assert {row[0] for row in table if row[0]} == {rule.name for rule in RULES}
    assert {row[1] for row in table} == prometheus


def test_every_kind_of_fault_is_listed_with_its_fields() -> None:
    table = {row[0]: row[2] for row in rows(section(read("operations.md"), "### Faults"))}

    assert set(table) == set(KINDS)
    for name, kind in KINDS.items():
        assert [field for field in kind.parameters if not re.search(rf"\b{field}\b", table[name])] == []


@pytest.mark.parametrize("status", ["HEALTHY", "DEGRADED", "UNAVAILABLE", "DISABLED"])
def test_every_status_of_a_provider_is_explained(status: str) -> None:
    table = rows(section(read("operations.md"), "## Health endpoints"))

    assert status in {row[0] for row in table}


def test_offers_are_too_old_when_the_page_says_so() -> None:
    assert stale_after(300, 300) == 660
    assert judge_provider(Evidence(data_age_s=661, stale_after_s=660)).status == "DEGRADED"
    assert "660 s" in read("operations.md")
