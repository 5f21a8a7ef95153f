"""Prometheus's alert rules and their unit tests, as far as our files use them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from tests.deploy.promql import Labels, Store, evaluate

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
TESTS = ROOT / "deploy" / "prometheus" / "tests" / "alerts_test.yml"
_SERIES = re.compile(r"(?P<name>\w+)\{(?P<labels>.*)\}")
_RUN = re.compile(r"(?P<first>_|-?[\d.]+)(?:(?P<step>[+-][\d.]+))?(?:x(?P<times>\d+))?")


@dataclass(frozen=True)
class Rule:
    """One alert."""

    group: str
    name: str
    expr: str
    for_s: float
    labels: dict[str, str]
    annotations: dict[str, str]


def rules() -> list[Rule]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [
        Rule(
            group["name"],
            rule["alert"],
            rule["expr"],
            seconds(rule.get("for", "0s")),
            rule["labels"],
            rule["annotations"],
        )
        for group in groups
        for rule in group["rules"]
    ]


def unit_tests() -> list[dict[str, Any]]:
    return list(yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"])


def seconds(text: str) -> float:
    return 0.0 if text.startswith("0") else promql_parser.parse_duration(text).total_seconds()


def wrong(test: dict[str, Any]) -> list[str]:
    """Where the rules say something else than the test expects. Annotations are for promtool alone."""
    interval = seconds(test["interval"])
    store = _filled(test["input_series"], interval)
    by_name = {rule.name: rule for rule in rules()}
    found = []
    for case in test["alert_rule_test"]:
        rule = by_name[case["alertname"]]
        at = seconds(case["eval_time"])
        fires = [_sorted({**labels, **rule.labels}) for labels in _firing(rule, store, at=at, every=interval)]
        expected = [_sorted(each["exp_labels"]) for each in case["exp_alerts"]]
        if sorted(fires) != sorted(expected):
            found.append(f"{test['name']} at {case['eval_time']}: {fires} instead of {expected}")
    return found


def _firing(rule: Rule, store: Store, *, at: float, every: float) -> list[Labels]:
    """What has been true at every evaluation for as long as the rule wants."""
    since: dict[tuple[tuple[str, str], ...], float] = {}
    now = 0.0
    while now <= at:
        true = {_sorted(labels) for labels, _ in evaluate(rule.expr, store, at=now)}
        since = {labels: since.get(labels, now) for labels in true}
        now += every
    return [dict(labels) for labels, began in since.items() if at - began >= rule.for_s]


def _sorted(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _filled(series: list[dict[str, str]], interval: float) -> Store:
    store = Store()
    for each in series:
        found = _SERIES.fullmatch(each["series"])
        assert found is not None, each["series"]
        labels = dict(re.findall(r'(\w+)="([^"]*)"', found["labels"]))
        for number, value in enumerate(_values(each["values"])):
            if value is not None:
                store.add(found["name"], labels, at=number * interval, value=value)
    return store


def _values(notation: str) -> Iterator[float | None]:
    """`1 2`, `0+1x3` (0 1 2 3), `1x2` (1 1 1), `_` (nothing), `_x2`; as promtool writes series."""
    for word in str(notation).split():
        found = _RUN.fullmatch(word)
        assert found is not None, word
        times = int(found["times"] or 0)
        if found["first"] == "_":
            yield from [None] * max(1, times)
            continue
        first, step = float(found["first"]), float(found["step"] or 0)
        yield from (first + number * step for number in range(times + 1))
