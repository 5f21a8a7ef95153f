"""Keys and tenants against real processes: made with the command line, used, kept apart, revoked."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.databases import Databases
from tests.e2e.stack import Stack, stack
from tests.e2e.terminal import aurora
from tests.e2e.test_cli import ROUTE

ADMIN = "an-admin-key-for-this-test"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("access")
    url = await databases.sqlite_url(folder / "aurora.db")
    async with stack(
        folder, offers=600, markets=("vastai",), database_url=url, AURORA_ADMIN_KEY=ADMIN
    ) as made:
        await made.boot()
        yield made


async def admin(running: Stack, *arguments: str):
    done = await aurora(running, *arguments, "--json", AURORA_API_KEY=ADMIN)
    assert done.code == 0, done.out + done.err
    return done.json


async def test_a_tenant_gets_a_key_rents_with_it_and_is_refused_when_it_is_revoked(running):
    for name in ("research", "others"):
        await admin(running, "tenants", "create", name, "--max-deployments", "1", "--max-price", "5")
    key = await admin(running, "keys", "create", "research", "--name", "cluster")
    other = (await admin(running, "keys", "create", "others", "--name", "cluster"))["secret"]
    secret = key["secret"]

    rented = await aurora(running, *ROUTE, "--wait", "60s", "--json", AURORA_API_KEY=secret)
    assert rented.code == 0, rented.out + rented.err
    name = rented.json["deployment_id"]
    assert (await aurora(running, "status", name, AURORA_API_KEY=secret)).code == 0
    over = await aurora(running, *ROUTE, "--json", AURORA_API_KEY=secret)
    assert (over.code, over.json["code"], over.json["quota"]) == (8, "quota_exceeded", "max_deployments")

    for command in ("status", "logs", "terminate", "why"):
        assert (await aurora(running, command, name, AURORA_API_KEY=other)).code == 5, command
    assert name not in (await aurora(running, "status", AURORA_API_KEY=other)).out
    assert (await aurora(running, "tenants", AURORA_API_KEY=other)).code == 4

    turned = await admin(running, "keys", "rotate", key["key"]["id"], "--overlap", "1h")
    for each in (secret, turned["secret"]):
        assert (await aurora(running, "status", name, AURORA_API_KEY=each)).code == 0
    await admin(running, "keys", "revoke", key["key"]["id"])
    refused = await aurora(running, "status", name, AURORA_API_KEY=secret)
    assert refused.code == 4
    assert "revoked" in refused.err

    ended = await aurora(running, "terminate", name, "--wait", AURORA_API_KEY=turned["secret"])
    assert ended.code == 0, ended.err
    assert await running.alive() == []
    done = [(row["action"], row["tenant"]) for row in (await admin(running, "audit"))["entries"]]
    assert done.count(("route.create", "research")) == 1
    assert ("key.revoke", "research") in done
    assert running.aurora is not None
    for each in (secret, other, turned["secret"], ADMIN):
        assert each not in running.aurora.text


async def test_the_tables_are_for_people(running):
    for command in ("tenants", "keys list research", "audit"):
        done = await aurora(running, *command.split(), AURORA_API_KEY=ADMIN)
        assert done.code == 0, done.err
        assert "research" in done.out or "cluster" in done.out


async def test_what_is_kept_outlives_a_restart_and_is_sealed_again(running):
    key = (await admin(running, "keys", "create", "others", "--name", "second"))["secret"]
    assert running.aurora is not None
    assert await running.aurora.stop() == 0

    await running.boot()

    assert (await aurora(running, "status", AURORA_API_KEY=key)).code == 0
