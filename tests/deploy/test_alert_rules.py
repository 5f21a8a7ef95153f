"""The alert rules fire when they should, ask for what there is, and say where to read on."""

import re
import shutil
import subprocess

import pytest

from aurora.services.alerts import RULES, runbook
from aurora.telemetry.documented import DOCUMENTED
from tests.deploy.promql import names
from tests.deploy.rules import ROOT, TESTS, rules, unit_tests, wrong
from tests.docs.pages import anchors


def ours() -> str:
    """What is wrong by our own evaluation, which needs nothing."""
    return "\n".join(line for test in unit_tests() for line in wrong(test))


def promtool() -> str:
    """What Prometheus's own tool says of the same file, annotations included."""
    done = subprocess.run(
        ["promtool", "test", "rules", TESTS], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


JUDGES = [ours, promtool] if shutil.which("promtool") else [ours]
each_rule = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)


def snake(name: str) -> str:
    """AuroraBreakerOpen -> breaker_open."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removeprefix("Aurora")).lower()


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.__name__)
def test_the_rules_fire_when_their_unit_tests_say(judge):
    assert judge() == ""


def test_every_rule_has_a_test_in_which_it_fires_and_one_in_which_it_does_not():
    cases = [
        (case["alertname"], bool(case["exp_alerts"]))
        for test in unit_tests()
        for case in test["alert_rule_test"]
    ]

    assert set(cases) == {(rule.name, fires) for rule in rules() for fires in (True, False)}


@each_rule
def test_a_rule_asks_only_for_metrics_that_exist(rule):
    assert names(rule.expr) <= {spec.name for spec in DOCUMENTED}


@each_rule
def test_a_rule_says_what_it_means_what_to_do_and_where_to_read_on(rule):
    assert set(rule.annotations) == {"summary", "action", "runbook"}
    assert rule.labels["severity"] in {"warning", "critical"}
    page, _, heading = rule.annotations["runbook"].partition("#")
    assert heading == snake(rule.name)
    assert heading in anchors(ROOT / page)


def test_auroras_own_rules_are_the_first_group_with_the_same_runbook():
    own = {rule.name: rule for rule in rules() if rule.group == "aurora"}

    assert {snake(name) for name in own} == {rule.name for rule in RULES}
    for name, rule in own.items():
        assert rule.annotations["runbook"] == runbook(snake(name))


def test_a_rule_that_does_not_do_what_its_test_says_is_found_out():
    [first, *_] = unit_tests()
    broken = {**first, "alert_rule_test": [{**case, "exp_alerts": []} for case in first["alert_rule_test"]]}

    assert len(wrong(broken)) == 1
