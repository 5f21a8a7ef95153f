"""The catalogue of a process that reads no market: what another one writes, during its run and after it."""

from dataclasses import replace

from aurora.db.repositories import offers as offer_rows
from aurora.db.repositories import sync_runs as run_rows
from aurora.db.repositories.offers import SliceState
from aurora.domain.records import SyncReport
from aurora.services.catalogue import Catalogue
from aurora.services.catalogue_follow import CatalogueFollower
from tests.fakes.clock import FakeClock
from tests.markets import an_offer

ONE = replace(an_offer("1", usd="1"), provider="vastai", slice_key="A100")
TWO = replace(an_offer("2", usd="2"), provider="vastai", slice_key="A100")


class Scene:
    """A writer by hand, and a follower."""

    def __init__(self, database) -> None:
        self.database = database
        self.clock = FakeClock(auto=False)
        self.catalogue = Catalogue(clock=self.clock)
        self.follower = CatalogueFollower(self.catalogue, database, clock=self.clock)

    async def begin(self) -> int:
        async with self.database.write() as connection:
            return await run_rows.begin(connection, "vastai", at=self.clock.now())

    async def write(self, run: int, *offers, gone=(), read: bool = False) -> None:
        seen = [replace(each, seen_at=self.clock.now()) for each in offers]
        async with self.database.write() as connection:
            await offer_rows.save(connection, seen, sync_id=run)
            await offer_rows.mark_gone(connection, gone, at=self.clock.now(), sync_id=run)
            if read:
                state = SliceState(ONE.slice_key, self.clock.now(), complete=True, offers=len(seen))
                await offer_rows.save_slices(connection, "vastai", [state])

    async def end(self, run: int) -> None:
        report = SyncReport("vastai", self.clock.now(), 1.0, "ok")
        async with self.database.write() as connection:
            await run_rows.finish(connection, run, report)

    async def follow(self, ended: int | None, newest: int) -> dict[str, str]:
        await self.follower.follow("vastai", ended_run=ended, newest_run=newest)
        return {each.external_id: str(each.price_per_hour.normalize()) for each in self.catalogue.offers()}


async def test_a_run_under_way_is_followed_and_its_end_completes_it(database):
    scene = Scene(database)
    run = await scene.begin()
    await scene.write(run, ONE)
    assert await scene.follow(None, run) == {"1": "1"}

    await scene.write(run, TWO)
    assert await scene.follow(None, run) == {"1": "1"}  # not again so soon
    scene.clock.advance(5)
    assert await scene.follow(None, run) == {"1": "1", "2": "2"}

    await scene.write(run, gone=[ONE.id], read=True)
    await scene.end(run)
    assert await scene.follow(run, run) == {"2": "2"}
    assert scene.catalogue.last_run("vastai") == run
    assert scene.catalogue.completeness("vastai") == 1


async def test_after_that_only_what_later_runs_wrote_is_read(database):
    scene = Scene(database)
    first = await scene.begin()
    await scene.write(first, ONE, TWO, read=True)
    await scene.end(first)
    await scene.follow(first, first)
    scene.clock.advance(60)

    second = await scene.begin()
    await scene.write(second, replace(TWO, price_per_hour=TWO.price_per_hour * 2), read=True)
    await scene.end(second)

    assert await scene.follow(second, second) == {"1": "1", "2": "4"}
    seen = {each.external_id: each.seen_at for each in scene.catalogue.offers()}
    assert seen == {
        "1": scene.clock.now(),
        "2": scene.clock.now(),
    }  # the slice was read to its end: all were seen


async def test_what_was_followed_already_is_not_read_again(database):
    scene = Scene(database)
    run = await scene.begin()
    await scene.write(run, ONE, read=True)
    await scene.end(run)
    await scene.follow(run, run)
    version = scene.catalogue.version

    scene.clock.advance(60)
    await scene.follow(run, run)

    assert scene.catalogue.version == version
