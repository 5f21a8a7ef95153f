"""A database that a test gives back is as good as new for the next, or is not lent again."""

import pytest

from tests.emptying import connected


async def figures(url):
    async with connected(url) as connection:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        rows = {
            name: await connection.fetchval(f'SELECT json_agg(x)::text FROM "{name}" x')  # noqa: S608
            for (name,) in tables
        }
        numbers = await connection.fetch("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        return rows, [tuple(each) for each in numbers]


async def test_what_is_given_back_has_its_first_rows_and_counts_from_the_beginning(databases):
    async with databases.postgres_url() as first:
        new = await figures(first)
        async with connected(first) as connection:
            await connection.execute("UPDATE installation SET installation_id = 'other1'")
            await connection.execute("SELECT nextval(sequencename::regclass) FROM pg_sequences")
            await connection.execute("DELETE FROM tenants")
        assert await figures(first) != new

    async with databases.postgres_url() as again:
        assert again == first
        assert await figures(again) == new


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (id int)",
        "DROP TABLE offer_prices",
        "ALTER TABLE tenants ADD COLUMN more int",
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''1MB''', current_database()); END $$",
    ],
)
async def test_one_whose_schema_was_changed_is_not_lent_again(databases, change):
    async with databases.postgres_url() as first, connected(first) as connection:
        await connection.execute(change)

    async with databases.postgres_url() as other:
        assert other != first
