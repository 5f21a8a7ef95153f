"""What is written of offers, prices, slices and runs comes back as it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from sqlalchemy import select

from aurora.db import tables
from aurora.db.repositories import offers as offer_rows
from aurora.db.repositories import sync_runs as run_rows
from aurora.db.repositories.offers import CHUNK, SliceState, seen_later
from aurora.db.repositories.sync_runs import SyncedProvider
from aurora.domain.gpu import GpuModel
from aurora.domain.offer import PriceKind
from aurora.domain.records import SyncReport
from tests.fakes.clock import START
from tests.markets import A100, an_offer, offers

HOUR = timedelta(hours=1)
FULL = an_offer(
    "dseq/7:x",
    usd="0.123456789",
    gpu=GpuModel("a100", "pcie", 40),
    gpu_count=8,
    price_kind=PriceKind.CEILING,
    slice_key="A100 PCIE",
    vram_gb=39.5,
    disk_included_gb=8.0,
    disk_price_gb_hour=Decimal("0.000185185"),
    disk_max_gb=1576.0,
    country="CA",
    regions=frozenset({"us-west", "ca"}),
    region_raw="Québec, CA",
    spot=True,
    available=3,
    total=4,
    reliability=0.9631111,
    host="150140",
    resources=frozenset({"120112", "120113"}),
    max_ports=298,
    max_duration_s=15772729.19177866,
    min_rental_minutes=60,
    vcpus=32.0,
    memory_gb=128.803,
    inet_down_mbps=413.9,
    inet_up_mbps=264.3,
    verified=False,
    emulated=True,
)


async def write(database, *found, sync_id=1) -> None:
    async with database.write() as connection:
        await offer_rows.save(connection, found, sync_id=sync_id)


async def present(database, provider=None) -> list:
    async with database.read() as connection:
        return [offer async for batch in offer_rows.present(connection, provider) for offer in batch]


async def rows(database, table=tables.offers) -> list:
    async with database.read() as connection:
        return list(await connection.execute(select(table)))


async def test_an_offer_comes_back_as_it_was_written(database):
    await write(database, FULL, an_offer(1))

    assert await present(database) == [an_offer(1), FULL]


async def test_times_come_back_in_utc_wherever_they_were_taken(database):
    local = datetime(2026, 1, 15, 14, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5)))

    await write(database, an_offer(1, seen_at=local))

    (found,) = await present(database)
    assert found.seen_at == local
    assert found.seen_at.tzinfo is UTC


async def test_more_offers_than_fit_one_statement_are_all_written(database):
    many = offers(2 * CHUNK + 1)

    await write(database, *many)

    assert sorted(await present(database), key=lambda offer: int(offer.external_id)) == many


async def test_writing_again_changes_everything_but_the_first_sight(database):
    await write(database, an_offer(1))
    changed = replace(FULL, external_id="1", seen_at=START + HOUR)

    await write(database, changed, sync_id=2)

    assert await present(database) == [changed]
    (row,) = await rows(database)
    assert (row.first_seen_at, row.last_seen_at, row.last_sync_id) == (START, START + HOUR, 2)


async def test_a_gone_offer_is_kept_but_not_present_and_may_come_back(database):
    await write(database, *offers(3))
    async with database.write() as connection:
        await offer_rows.mark_gone(connection, {"market:1", "market:3"}, at=START + HOUR, sync_id=2)

    assert [offer.id for offer in await present(database)] == ["market:2"]
    assert {row.gone_at for row in await rows(database)} == {None, START + HOUR}

    await write(database, an_offer(1, seen_at=START + 2 * HOUR))
    assert [offer.id for offer in await present(database)] == ["market:1", "market:2"]
    assert {row.first_seen_at for row in await rows(database)} == {START}


async def test_offers_of_one_provider_can_be_read_alone(database):
    await write(database, an_offer(1), an_offer(1, provider="akash"))

    assert [offer.provider for offer in await present(database, "akash")] == ["akash"]


async def test_touching_changes_the_time_and_nothing_else(database):
    await write(database, FULL, an_offer(1))
    async with database.write() as connection:
        await offer_rows.touch(connection, {FULL.id: START + HOUR})

    assert await present(database) == [an_offer(1), replace(FULL, seen_at=START + HOUR)]


async def test_price_history_is_per_gpu_and_in_the_order_of_time(database):
    first, second = an_offer(1, usd=8, gpu_count=8), an_offer(1, usd=4, gpu_count=3, seen_at=START + HOUR)
    await write(database, first)
    async with database.write() as connection:
        await offer_rows.save_prices(connection, [second])
        await offer_rows.save_prices(connection, [first])

    async with database.read() as connection:
        points = [point async for batch in offer_rows.prices_since(connection, START) for point in batch]
        later = [
            point async for batch in offer_rows.prices_since(connection, START + HOUR) for point in batch
        ]

    assert [(point.at, point.usd_per_gpu_hour) for point in points] == [
        (START, Decimal(1)),
        (START + HOUR, Decimal("1.333333333")),
    ]
    assert points[0].model == A100
    assert later == points[1:]


async def test_slices_come_back_and_are_overwritten_and_dropped(database):
    states = [SliceState("a", START, complete=True, offers=7), SliceState("b", error="502")]
    async with database.write() as connection:
        await offer_rows.save_slices(connection, "market", [SliceState("a"), SliceState("c")])
        await offer_rows.save_slices(connection, "market", states)
        await offer_rows.save_slices(connection, "akash", [])
        await offer_rows.drop_slices(connection, "market", {"c"})
        await offer_rows.drop_slices(connection, "market", ())

    async with database.read() as connection:
        found = await offer_rows.slices(connection)
        assert await offer_rows.slices(connection, "akash") == {}
    assert found == {"market": {state.key: state for state in states}}


def test_an_offer_seen_later_may_be_kept_for_less_time():
    offer = an_offer(1, max_duration_s=3600.0)

    assert seen_later(offer, START + HOUR / 4) == replace(
        offer, seen_at=START + HOUR / 4, max_duration_s=2700.0
    )
    assert seen_later(offer, START + 2 * HOUR).max_duration_s == 0
    assert seen_later(offer, START - HOUR) is offer
    assert seen_later(offer, None) is offer


async def test_a_report_comes_back_as_it_was_written(database):
    report = SyncReport(
        provider="market",
        started_at=START,
        seconds=1.5,
        outcome="partial",
        seen=10,
        new=3,
        changed=2,
        gone=1,
        rejected={"no price": 4},
        completeness=0.75,
        error="market: 502",
    )
    async with database.write() as connection:
        run = await run_rows.begin(connection, "market", at=START)
        assert await run_rows.latest(connection, "market") is None
        await run_rows.finish(connection, run, report)

    async with database.read() as connection:
        assert await run_rows.latest(connection, "market") == report
        assert await run_rows.latest_all(connection) == {"market": report}
        assert await run_rows.last_ids(connection) == {"market": run}
        assert await run_rows.last_ids(connection, "akash") == {}


async def test_the_newest_ended_run_of_each_provider_is_the_latest(database):
    async with database.write() as connection:
        for provider in ("market", "akash", "market"):
            run = await run_rows.begin(connection, provider, at=START)
            report = SyncReport(provider, START, seconds=float(run), outcome="ok")
            await run_rows.finish(connection, run, report)
        open_run = await run_rows.begin(connection, "market", at=START + HOUR)

    async with database.read() as connection:
        found = await run_rows.latest_all(connection)
        ids = await run_rows.last_ids(connection)
    assert {name: report.seconds for name, report in found.items()} == {"akash": 2.0, "market": 3.0}
    assert ids == {"akash": 2, "market": open_run}


async def test_a_run_that_a_dead_process_left_open_counts_as_failed(database):
    async with database.write() as connection:
        await run_rows.begin(connection, "market", at=START)
    async with database.write() as connection:
        await run_rows.begin(connection, "market", at=START + HOUR)

    async with database.read() as connection:
        found = await run_rows.latest(connection, "market")
    assert (found.outcome, found.started_at) == ("failed", START)
    assert "interrupted" in found.error


async def test_a_providers_line_keeps_the_status_that_others_judged(database):
    line = SyncedProvider("market", START, START, None, 1.0)
    async with database.write() as connection:
        await run_rows.save_provider(connection, line, at=START)
        await connection.execute(tables.providers.update().values(status="DISABLED", reason="by hand"))
    later = replace(line, last_sync_at=START + HOUR, last_error="502", completeness=0.5)
    async with database.write() as connection:
        await run_rows.save_provider(connection, later, at=START + HOUR)

    async with database.read() as connection:
        assert await run_rows.providers(connection) == {"market": later}
        assert await run_rows.providers(connection, "akash") == {}
    (row,) = await rows(database, tables.providers)
    assert (row.status, row.reason, row.updated_at) == ("DISABLED", "by hand", START + HOUR)
