"""ALERT_WEBHOOK_URL, ALERT_WEBHOOK_SECRET, OTEL_EXPORTER_OTLP_ENDPOINT: what arrives at a receiver and a collector."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from aurora.bootstrap import Aurora
from aurora.cli.serve import _redactor
from aurora.domain.clock import SystemClock
from aurora.services.alerts import Facts
from aurora.settings import SettingsError, load_settings
from tests.fakes.clock import START
from tests.fakes.collector import collecting
from tests.settings.room import booted, until
from tests.unit.telemetry.receiver import PATH, receiving

SECRET = "a-secret-of-the-operator"
ORPHAN = Facts("vastai", START, orphans=1)


@asynccontextmanager
async def watching(database_url: str, *, working: bool = True, **settings: str) -> AsyncIterator[Aurora]:
    """Aurora with what `aurora serve` runs beside its loops, on the machine's clock."""
    async with booted(database_url, clock=SystemClock(), **settings) as aurora:
        work = asyncio.create_task(aurora.observability.run(working=working))
        await asyncio.sleep(0)
        try:
            yield aurora
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


async def delivered(aurora: Aurora, count: int) -> None:
    """So many messages have been taken."""

    async def taken() -> bool:
        found = aurora.metrics.registry.get_sample_value(
            "aurora_alert_webhook_total", {"outcome": "delivered"}
        )
        return found == count

    await until(taken)


async def test_alerts_are_posted_to_the_webhook_whose_address_is_never_written_anywhere(database_url):
    async with receiving() as receiver:
        with capture_logs() as lines:
            async with watching(database_url, alert_webhook_url=receiver.url) as aurora:
                aurora.alert_book.evaluate([ORPHAN])
                aurora.alert_book.evaluate([])
                await delivered(aurora, 2)

    told = [json.loads(body) for _, body in receiver.got]
    assert [(each["name"], each["state"]) for each in told] == [
        ("orphan_found", "started"),
        ("orphan_found", "ended"),
    ]
    assert set(receiver.paths) == {PATH}
    assert PATH not in str(lines)
    hidden = _redactor(load_settings(None, alert_webhook_url=receiver.url))
    assert PATH not in hidden.text(f"posted to {receiver.url}")


async def test_with_a_secret_each_alert_is_signed(database_url):
    async with receiving() as receiver:
        settings = {"alert_webhook_url": receiver.url, "alert_webhook_secret": SECRET}
        async with watching(database_url, **settings) as aurora:
            aurora.alert_book.evaluate([ORPHAN])
            await delivered(aurora, 1)

    [(headers, body)] = receiver.got
    stamp, given = (part.split("=", 1)[1] for part in headers["x-aurora-signature"].split(","))
    assert given == hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


async def test_a_process_that_only_serves_the_api_judges_alerts_and_tells_nobody(database_url):
    async def judged() -> bool:
        return bool(aurora.alert_book.states())

    async with (
        receiving() as receiver,
        watching(database_url, working=False, alert_webhook_url=receiver.url) as aurora,
    ):
        await until(judged)
        aurora.alert_book.evaluate([ORPHAN])
        assert [each["name"] for each in aurora.alert_book.active()] == ["orphan_found"]

    assert receiver.got == []


async def test_traces_go_to_the_endpoint_of_the_collector(database_url):
    async with collecting() as collector:
        settings = {"otel_exporter_otlp_endpoint": collector.url}
        async with booted(database_url, clock=SystemClock(), **settings) as aurora:
            aurora.tracer.past("seen", seconds=0.1)

        assert [span.name for span in collector.spans] == ["seen"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("alert_webhook_url", "hooks.example/T0KEN"), ("otel_exporter_otlp_endpoint", "127.0.0.1:4318")],
)
async def test_what_is_no_address_stops_the_start_and_is_not_repeated(database_url, name, value):
    with pytest.raises(SettingsError, match=rf"^{name.upper()}: must be an address such as") as refused:
        async with booted(database_url, **{name: value}):
            raise AssertionError("it started")

    assert "T0KEN" not in str(refused.value)
