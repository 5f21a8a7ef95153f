"""The connection is lost at the COMMIT: nobody knows what became of it, and the same key still gives one deployment."""

from tests.outages.house import House, house
from tests.outages.servers import Line, line_to


async def buy(made: House, line: Line, *, cut: str) -> str:
    """The key of a purchase whose COMMIT was cut off."""
    line.cut_at_commit = cut
    (await made.buy()).refused()
    assert line.cut_at_commit is None
    return made.keys[-1]


async def test_the_same_key_gives_one_deployment_whatever_became_of_the_commit(databases):
    async with databases.postgres_url() as url, line_to(url) as (near, line), house(near) as made:
        ways = (
            ("one statement", "before"),
            ("one statement", "after"),
            ("steps", "before"),
            ("steps", "after"),
        )
        for way, cut in ways:
            if way == "steps":  # what is counted takes several statements
                await made.limit_the_tenant(max_deployments=100)
            known = set(await made.stored())
            key = await buy(made, line, cut=cut)
            assert len(await made.stored()) - len(known) == (cut == "after")

            first = await made.repeat_until_accepted(key)
            assert await made.repeat_until_accepted(key) == first
        assert line.cuts == ["statement", "statement", "commit", "commit"]

        # One more, which nobody repeats before it runs: the reconciler finds the intent in the records.
        known = set(await made.stored())
        key = await buy(made, line, cut="after")
        (unknown,) = set(await made.stored()) - known
        await made.all_run()
        assert await made.repeat_until_accepted(key) == unknown

        await made.books_agree()
