"""One replica reads the markets, the others have what it read; whoever is asked for a sync gives its report."""

import asyncio

from aurora.db.repositories import leases, sync_runs
from aurora.services.sync_writer import DutyLost
from tests.integration.replicas.pair import Pair, pair, until

DUTY = "sync:vastai"


def offers(aurora) -> dict[str, str]:
    return {offer.id: str(offer.price_per_hour) for offer in aurora.catalogue.offers()}


async def led_by(made: Pair, leader) -> None:
    assert await leader.replicas.may_sync("vastai")


async def test_what_the_leader_reads_the_other_has_within_a_second_or_so(databases):
    async with pair(databases) as made:
        await led_by(made, made.one)
        assert not await made.other.replicas.may_sync("vastai")

        report = await made.one.replicas.sync.run("vastai")

        await until(lambda: offers(made.other) == offers(made.one))
        assert report.seen == len(offers(made.other)) > 50
        await until(lambda: made.other.replicas.sync.latest_all().get("vastai") == report)
        shown = [next(row for row in a.desk.providers() if row["name"] == "vastai") for a in made.both]
        assert shown[0]["offers"] == shown[1]["offers"]
        assert shown[0]["last_sync"] == shown[1]["last_sync"]
        assert shown[0]["unknown_gpus"] == shown[1]["unknown_gpus"]


async def test_changes_and_departures_follow_too(databases):
    async with pair(databases) as made:
        await led_by(made, made.one)
        await made.one.replicas.sync.run("vastai")
        await until(lambda: offers(made.other) == offers(made.one))
        first = offers(made.one)

        for _ in range(3):
            await made.one.replicas.sync.run("vastai")
            await until(lambda: offers(made.other) == offers(made.one))

        def ages() -> list[float]:
            return [aurora.catalogue.state("vastai").data_age_s or -1.0 for aurora in made.both]

        await until(lambda: abs(ages()[0] - ages()[1]) < 0.01)
        seen = [{one.id: one.seen_at for one in aurora.catalogue.offers()} for aurora in made.both]
        assert seen[0].keys() == seen[1].keys()
        assert first.keys() & offers(made.other).keys()


async def test_a_sync_asked_of_the_other_is_done_by_the_leader_and_all_get_one_report(databases):
    async with pair(databases) as made:
        await led_by(made, made.one)

        reports = await asyncio.gather(
            made.other.replicas.sync.run_all(),
            made.one.replicas.sync.run_all(),
            made.other.replicas.sync.run_all(),
        )

        assert reports[0] == reports[1] == reports[2]
        assert reports[0]["vastai"].outcome == "ok"
        assert offers(made.other) == offers(made.one)
        async with made.one.database.read() as connection:
            assert await sync_runs.last_ids(connection) == {"vastai": 1}


async def test_where_nobody_leads_the_one_that_is_asked_reads_and_leaves_the_duty_free(databases):
    async with pair(databases) as made:
        report = (await made.other.replicas.sync.run_all())["vastai"]

        assert report.outcome == "ok"
        async with made.one.database.read() as connection:
            assert DUTY not in await leases.live(connection, "sync:")
        await until(lambda: len(offers(made.one)) == report.seen)


async def test_a_leader_that_was_away_too_long_writes_nothing_more(databases):
    async with pair(databases) as made:
        await led_by(made, made.one)
        await made.one.replicas.sync.run("vastai")
        async with made.one.database.write() as connection:
            await leases.release(connection, owner=made.one.link._leases.owner, name=DUTY)
        await led_by(made, made.other)
        newer = await made.other.replicas.sync.run("vastai")

        # it has not noticed yet: its own lease says that there is time left
        assert made.one.link._leases.holds(DUTY)
        stale = await made.one.sync.run("vastai")

        assert stale.outcome == "failed"
        assert "another replica reads vastai" in stale.error
        async with made.one.database.read() as connection:
            assert (await sync_runs.latest(connection, "vastai")).started_at == newer.started_at


async def test_a_duty_that_is_lost_ends_the_reading(databases):
    async with pair(databases) as made:
        await led_by(made, made.one)
        await made.one.link._leases.give_back(DUTY)

        report = await made.one.sync.run("vastai")

        assert report.outcome == "failed"
        assert DutyLost.code == "duty_lost"


async def test_the_gpu_that_is_asked_for_here_is_read_first_there(databases):
    async with pair(databases) as made:
        await until(lambda: made.one.replicas.figures().connected and made.other.replicas.figures().connected)
        made.other._asked("h100")

        await until(lambda: made.one.sync._interest.heat({"h100"}) > 0)
