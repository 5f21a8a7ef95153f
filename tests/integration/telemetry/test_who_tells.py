"""Of several replicas one tells the webhook: whoever has the duty by which it was seen."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from aurora.bootstrap.observability import Observability
from aurora.domain.clock import SystemClock
from aurora.replicas.base import HEALTH, SWEEP
from aurora.services.alerts import AlertBook, Facts
from tests.databases import Databases
from tests.fakes.clock import START
from tests.settings.room import booted, until
from tests.unit.telemetry.receiver import receiving


@pytest.fixture
async def url(databases: Databases, tmp_path: Path) -> str:
    return await databases.sqlite_url(tmp_path / "aurora.db")


@pytest.mark.parametrize(("duty", "told"), [(HEALTH, "credential_refused"), (SWEEP, "orphan_found")])
async def test_each_alert_is_told_by_the_replica_that_has_its_duty(url, duty, told):
    async with receiving() as receiver, booted(url, clock=SystemClock()) as aurora:
        settings = aurora.settings.model_copy(update={"alert_webhook_url": SecretStr(receiver.url)})
        book = AlertBook(aurora.clock)
        watched = replace(aurora.observability._watched, settings=settings, book=book)
        watching = Observability(watched, holds=lambda name: name == duty)
        work = asyncio.create_task(watching.run(working=True))
        await asyncio.sleep(0)

        book.evaluate([Facts("vastai", START, orphans=1, credential_refused=True)])
        await until(_delivered(aurora))

        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await watching.aclose()

    assert [json.loads(body)["name"] for _, body in receiver.got] == [told]


def _delivered(aurora):
    async def taken() -> bool:
        found = aurora.metrics.registry.get_sample_value(
            "aurora_alert_webhook_total", {"outcome": "delivered"}
        )
        return found == 1

    return taken
