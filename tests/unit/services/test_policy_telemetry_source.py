"""The figures of the last hour: from memory, from the database, never from anywhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from aurora.db.database import Database
from aurora.db.repositories import decisions
from aurora.db.tables import tenants
from aurora.domain.health import ProviderStatus
from aurora.routing.performance import Performance
from aurora.services.telemetry_source import ProviderWatch, TelemetrySource
from tests.fakes.clock import START, FakeClock

DECISION = {
    "id": "dec-1",
    "tenant": "acme",
    "at": START,
    "config_version": "1",
    "mode": "rule-based",
    "policy": "telemetry",
    "policy_version": "1",
    "snapshot_version": "1",
    "request": {},
    "candidates": [],
    "counts": {},
    "holds": [],
    "relaxations": [],
    "rationale": "",
    "seed": 1,
}


@dataclass
class Setting:
    clock: FakeClock = field(default_factory=lambda: FakeClock(auto=False))
    status: ProviderStatus = ProviderStatus.HEALTHY
    read_at: datetime | None = None
    used: dict[str, float] = field(default_factory=dict)

    def source(self) -> TelemetrySource:
        def used() -> Mapping[str, float]:
            return self.used

        watch = ProviderWatch(
            names=lambda: ("vastai", "akash"), status=lambda _: self.status, last_read=lambda _: self.read_at
        )
        return TelemetrySource(watch, clock=self.clock, budget_used=used)


@pytest.fixture
def stage() -> Setting:
    return Setting()


def test_a_provider_that_nobody_tried_has_static_figures(stage):
    found = stage.source()()

    assert found.providers == {"vastai": Performance("static"), "akash": Performance("static")}
    assert found.of("unheard of") == Performance("static")


def test_launches_make_the_figures(stage):
    source = stage.source()
    for latency in (100.0, 200.0, None):
        source.observe("vastai", "ok", latency_ms=latency, ttr_s=30.0)
    source.observe("vastai", "fail_fast", latency_ms=900.0)

    assert source().of("vastai") == Performance(
        "telemetry", runs_per_s=3 / 3600, latency_ms=150.0, last_event_at=START
    )
    assert source().of("akash") == Performance("static")
    assert source.time_to_running_s("vastai") == 30.0
    assert source.time_to_running_s("akash") is None
    source.observe("vastai", "ok", latency_ms=None, ttr_s=70.0)
    assert source.time_to_running_s("vastai") == 40.0


def test_launches_that_all_failed_are_telemetry_too(stage):
    source = stage.source()
    source.observe("vastai", "fail_slow")

    assert source().of("vastai") == Performance("telemetry", runs_per_s=0.0, last_event_at=START)


def test_after_an_hour_a_launch_is_forgotten(stage):
    source = stage.source()
    source.observe("vastai", "ok")
    stage.clock.advance(3600)
    assert source().of("vastai").source == "telemetry"

    stage.clock.advance(1)

    assert source().of("vastai") == Performance("static")


def test_a_read_of_the_catalogue_is_an_event_too(stage):
    source = stage.source()
    source.observe("vastai", "ok")
    stage.read_at = START + timedelta(minutes=20)
    stage.clock.advance(1300)

    assert source().of("vastai").last_event_at == stage.read_at


def test_an_older_read_does_not_make_a_launch_older(stage):
    stage.read_at = START - timedelta(minutes=20)
    source = stage.source()
    source.observe("vastai", "ok")

    assert source().of("vastai").last_event_at == START


def test_status_and_budgets_come_with_the_figures(stage):
    stage.status, stage.used = ProviderStatus.DEGRADED, {"acme": 0.4}

    found = stage.source()()

    assert found.of("vastai").status is ProviderStatus.DEGRADED
    assert found.budget_used == {"acme": 0.4}


def test_the_same_object_is_given_while_nothing_changes(stage):
    source = stage.source()
    before = source()
    stage.clock.advance(2)
    assert source() is before

    stage.status = ProviderStatus.UNAVAILABLE
    assert source() is before
    stage.clock.advance(1)

    assert source() is not before


async def test_a_restart_reads_the_last_hour_from_the_database(stage: Setting, database: Database):
    async with database.write() as connection:
        await connection.execute(insert(tenants).values(id="acme", limits={}, created_at=START))
        await decisions.add(connection, DECISION)
        for attempt, (kind, minutes, latency) in enumerate(
            [("ok", 70, 999.0), ("ok", 50, 100.0), ("fail_fast", 20, None), ("ok", 10, 300.0)]
        ):
            await decisions.add_outcome(
                connection,
                decision_id="dec-1",
                attempt=attempt,
                kind=kind,
                provider="vastai",
                host="h1",
                t_known=START - timedelta(minutes=minutes),
                latency_ms=latency,
                ttr_s=20.0 if kind == "ok" else None,
            )
    source = stage.source()

    await source.load(database)

    assert source().of("vastai") == Performance(
        "telemetry",
        runs_per_s=2 / 3600,
        latency_ms=200.0,
        last_event_at=START - timedelta(minutes=10),
    )
    assert source.time_to_running_s("vastai") == 20.0
