"""Sealing again after SECRET_KEY was changed: batch by batch, again after a break, and never at a loss."""

import asyncio

import pytest
from sqlalchemy import select, update

from aurora.cli.reseal import reseal as command
from aurora.db.repositories import sealed
from aurora.db.tables import deployments as rows
from aurora.domain.errors import DatabaseUnavailable
from aurora.services.reseal import reseal, unreadable
from aurora.services.sealing import SealBroken, Sealer
from tests.databases import Databases
from tests.unit.lifecycle.world import offer, request, setting

OLD, BOTH, NEW = Sealer("old"), Sealer("new", "old"), Sealer("new")
COUNT = 7


async def stored(database) -> dict[str, str]:
    async with database.read() as connection:
        return {row.id: row.sealed_workload for row in await connection.execute(select(rows))}


async def fill(database) -> dict[str, str]:
    """Deployments that were sealed with the old key."""
    async with setting(database, offers=[offer("1", available=COUNT)]) as stage:
        world = await stage.boot()
        for _ in range(COUNT):
            await world.deploy()
    async with database.write() as connection:
        for name in await stored(database):
            await connection.execute(
                update(rows).where(rows.c.id == name).values(sealed_workload=OLD.seal(request().workload))
            )
    return await stored(database)


async def test_everything_is_sealed_under_the_new_key_and_a_second_run_has_nothing_to_do(database):
    await fill(database)
    told = []

    report = await reseal(database, BOTH, tell=lambda now: told.append(now.resealed), batch=3)
    again = await reseal(database, BOTH, batch=3)

    assert (report.resealed, report.already, report.unreadable) == (COUNT, 0, [])
    assert (again.resealed, again.already) == (0, COUNT)
    assert told == [3, 6, 7]
    for text in (await stored(database)).values():
        assert NEW.open(text, request().workload).env == request().workload.env
        with pytest.raises(SealBroken):
            OLD.open(text, request().workload)


async def test_a_break_keeps_what_is_done_and_the_next_run_goes_on(database):
    await fill(database)

    def stop(report) -> None:
        if report.resealed >= 3:
            raise DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        await reseal(database, BOTH, tell=stop, batch=3)
    report = await reseal(database, BOTH, batch=3)

    assert (report.resealed, report.already) == (COUNT - 3, 3)


async def test_what_no_key_opens_is_named_and_left_as_it_is(database):
    before = await fill(database)

    report = await reseal(database, NEW)

    assert (report.resealed, report.already, sorted(report.unreadable)) == (0, 0, sorted(before))
    assert await stored(database) == before


async def test_what_is_changed_while_it_is_sealed_again_is_not_overwritten(database):
    before = await fill(database)
    fresh = NEW.seal(request().workload)
    name = min(before)
    async with database.read() as connection:
        page = dict(await sealed.page(connection, after="", limit=COUNT))
    async with database.write() as connection:
        await sealed.replace(connection, name, old=page[name], new=fresh)
        await sealed.replace(connection, name, old=page[name], new=BOTH.resealed(page[name]))

    assert (await stored(database))[name] == fresh


async def test_only_what_goes_on_must_be_readable(database):
    await fill(database)
    assert await unreadable(database, BOTH) is None
    assert await unreadable(database, NEW) is not None

    async with database.write() as connection:
        await connection.execute(update(rows).values(status="terminated"))

    assert await unreadable(database, NEW) is None


def run(monkeypatch, url: str, **settings: str) -> int:
    for name, value in {"DATABASE_URL": url, **settings}.items():
        monkeypatch.setenv(name, value)
    return command(env_file=None)


async def test_the_command_says_how_many_and_what_to_do(databases: Databases, tmp_path, monkeypatch, capsys):
    url = await databases.sqlite_url(tmp_path / "aurora.db")
    async with databases.sqlite(tmp_path / "aurora.db") as database:
        await fill(database)

    async def code(**settings: str) -> int:
        return await asyncio.to_thread(run, monkeypatch, url, **settings)

    assert await code() == 2
    assert "SECRET_KEY: is not set" in capsys.readouterr().err
    assert await code(SECRET_KEY="new") == 1
    said = capsys.readouterr()
    assert f"0 sealed again, 0 were already, {COUNT} unreadable" in said.out
    assert "Set SECRET_KEY_PREVIOUS" in said.err
    assert await code(SECRET_KEY="new", SECRET_KEY_PREVIOUS="old") == 0
    assert f"{COUNT} sealed again, 0 were already, 0 unreadable" in capsys.readouterr().out
    assert await code(SECRET_KEY="new", DATABASE_URL=f"sqlite:///{tmp_path / 'no' / 'such.db'}") == 1
    assert "DATABASE_URL" in capsys.readouterr().err
