"""Alerts begin once and end once, and the file for Prometheus says the same."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from structlog.testing import capture_logs

from aurora.services.alerts import RULES, AlertBook, Alerts, Facts, gather
from aurora.services.attempt_figures import Figures
from tests.fakes.clock import START, FakeClock
from tests.fakes.health_room import HealthRoom

WELL = Facts("vastai", START, success_rate=1.0, samples=100, utilization=0.1)
ALERTS_FILE = Path(__file__).parents[3] / "deploy" / "prometheus" / "alerts.yml"


def later(seconds: float):
    return START + timedelta(seconds=seconds)


BROKEN = [
    ("success_rate_low", {"success_rate": 0.69, "samples": 10}),
    ("breaker_open", {"breaker_open_since": later(-301)}),
    ("limiter_saturated", {"utilization": 0.91}),
    ("credential_refused", {"credential_refused": True}),
    ("orphan_found", {"orphans": 1}),
    ("terminate_unconfirmed", {"unconfirmed": 1}),
    ("price_drift", {"price_drift": 0.06}),
]
FINE = [
    {"success_rate": 0.70},
    {"success_rate": 0.0, "samples": 9},
    {"success_rate": None, "samples": 0},
    {"breaker_open_since": later(-300)},
    {"utilization": 0.90},
    {"utilization": None},
    {"price_drift": 0.05},
]


def book():
    return AlertBook(FakeClock())


def test_every_rule_has_a_case_here():
    assert {name for name, _ in BROKEN} == {rule.name for rule in RULES}


@pytest.mark.parametrize(("name", "broken"), BROKEN)
def test_a_condition_that_holds_is_that_alert_and_no_other(name, broken):
    clock = FakeClock()
    watched = AlertBook(clock)

    watched.evaluate([replace(WELL, **broken)])
    clock.advance(120)
    watched.evaluate([replace(WELL, **broken)])

    assert [alert["name"] for alert in watched.active()] == [name]


@pytest.mark.parametrize("fine", FINE)
def test_a_figure_at_its_limit_or_without_data_is_no_alert(fine):
    clock = FakeClock()
    watched = AlertBook(clock)

    for _ in range(3):
        assert watched.evaluate([replace(WELL, **fine)]) == ()
        clock.advance(120)


@pytest.mark.parametrize(("name", "broken"), BROKEN)
def test_an_alert_is_told_once_at_its_start_and_once_at_its_end(name, broken):
    clock = FakeClock()
    told = []
    watched = AlertBook(clock, listeners=[told.append])
    with capture_logs() as lines:
        for facts in [replace(WELL, **broken)] * 5 + [WELL] * 5:
            watched.evaluate([facts])
            clock.advance(60)

    assert [(each.name, each.active) for each in told] == [(name, True), (name, False)]
    assert [line["event"] for line in lines] == ["alert_started", "alert_ended"]
    assert told[1].seconds > 0
    assert watched.states()[name, "vastai"] is False


def test_a_figure_that_swings_about_its_limit_is_one_alert():
    clock = FakeClock()
    told = []
    watched = AlertBook(clock, listeners=[told.append])
    low, high = replace(WELL, success_rate=0.69), replace(WELL, success_rate=0.71)

    for facts in [low, high] * 20:
        watched.evaluate([facts])
        clock.advance(5)

    assert len(told) == 1


def test_a_busy_limiter_is_an_alert_only_after_a_minute():
    clock = FakeClock()
    watched = AlertBook(clock)
    busy = replace(WELL, utilization=1.0)

    assert watched.evaluate([busy]) == ()
    clock.advance(59)
    assert watched.evaluate([busy]) == ()
    clock.advance(1)
    assert [each.name for each in watched.evaluate([busy])] == ["limiter_saturated"]


def test_each_provider_has_its_own_alerts():
    watched = book()
    other = replace(WELL, provider="akash", orphans=2)

    [told] = watched.evaluate([WELL, other])

    assert (told.name, told.provider) == ("orphan_found", "akash")
    assert watched.states()["orphan_found", "vastai"] is False


def test_a_provider_that_is_no_longer_there_has_no_alerts():
    watched = book()
    watched.evaluate([replace(WELL, orphans=1)])

    [ended] = watched.evaluate([])

    assert (ended.name, ended.active) == ("orphan_found", False)


def test_a_listener_may_join_later():
    watched, told = book(), []
    watched.listen(told.append)

    watched.evaluate([replace(WELL, orphans=1)])

    assert len(told) == 1


async def test_facts_are_gathered_from_guards_figures_and_orphans(database_url_free_room):
    room = database_url_free_room
    await room.calls("vastai", ok=2, failing=5)
    room.clock.advance(400)
    figures = Figures(unconfirmed={"vastai": 2}, price_drift={"vastai": 0.5})
    watched = AlertBook(room.clock)
    alerts = Alerts(
        watched, room.desk, figures=lambda: figures, clock=room.clock, orphans=lambda: {"vastai": 1}
    )

    alerts.evaluate()

    assert {alert["name"] for alert in watched.active()} == {
        "breaker_open",
        "orphan_found",
        "terminate_unconfirmed",
        "price_drift",
    }
    assert gather(room.desk.seen("vastai"), Figures(), orphans=0, now=room.clock.now()).samples == 7


@pytest.fixture
def database_url_free_room():
    return HealthRoom(None, ["vastai"])


def prometheus_rules():
    [own, _] = yaml.safe_load(ALERTS_FILE.read_text())["groups"]
    return {rule["alert"]: rule for rule in own["rules"]}


def camel(name: str) -> str:
    return "Aurora" + "".join(part.capitalize() for part in name.split("_"))


def test_prometheus_has_every_alert_with_the_same_severity_and_patience():
    rules = prometheus_rules()

    for rule in RULES:
        theirs = rules[camel(rule.name)]
        assert theirs["labels"]["severity"] == rule.severity
        assert theirs.get("for", "0m") == f"{rule.after_s / 60:.0f}m"
    assert set(rules) == {camel(rule.name) for rule in RULES}


@pytest.mark.parametrize(
    ("name", "limit"),
    [("success_rate_low", "< 0.70"), ("breaker_open", "> 300"), ("limiter_saturated", "> 0.90")],
)
def test_prometheus_has_the_same_limits(name, limit):
    assert limit in prometheus_rules()[camel(name)]["expr"]
