"""HOST, PORT, COMPAT_PORT, LOG_LEVEL, AURORA_ADMIN_KEY: seen at the server's doors and lines."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from aurora.cli.serve import _sockets
from aurora.cli.web import _server
from aurora.settings import Settings, load_settings
from tests.e2e.stack import start
from tests.settings.room import NOWHERE, booted
from tests.unit.api.served import served

READY = re.compile(r"(Initialized \d+ GPU providers)")


@contextmanager
def doors(settings: Settings) -> Iterator[list[tuple[str, int]]]:
    """Where the server would listen."""
    sockets = _sockets(settings)
    try:
        yield [one.getsockname()[:2] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def somebody_else() -> Iterator[int]:
    """Listens on the port that is given."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_server_listens_on_the_host(host):
    with doors(load_settings(None, host=host, port=0, compat_port=None)) as ((found, _),):
        assert found == host


def test_the_server_listens_on_the_port_and_says_when_it_is_taken():
    port = free_port()
    with doors(load_settings(None, port=port, compat_port=None)) as ((_, found),):
        assert found == port

    with (
        somebody_else() as taken,
        pytest.raises(
            OSError, match=rf"^PORT: 127\.0\.0\.1:{taken}: .*; stop what runs there, .* or set PORT$"
        ),
    ):
        _sockets(load_settings(None, port=taken, compat_port=None))


def test_the_server_listens_on_the_compat_port_too_while_it_is_free(capsys):
    port = free_port()
    with doors(load_settings(None, port=0, compat_port=port)) as both:
        assert [found for _, found in both][1:] == [port]

    with somebody_else() as taken, doors(load_settings(None, port=0, compat_port=taken)) as one:
        assert len(one) == 1
        assert f"COMPAT_PORT: {taken} is taken" in capsys.readouterr().err

    with doors(load_settings(None, port=0, compat_port="off")) as one:
        assert len(one) == 1


async def test_lines_below_the_log_level_are_not_written(databases, tmp_path):
    urls = {level: await databases.sqlite_url(tmp_path / f"{level}.db") for level in ("INFO", "ERROR")}

    async def said(level: str) -> str:
        settings = {
            "DATABASE_URL": urls[level],
            "EMULATOR_URL": NOWHERE, "PROVIDER_MAX_RETRIES": "0",
            "PORT": "0", "COMPAT_PORT": "off", "LOG_LEVEL": level,
        }  # fmt: skip
        part = await start("serve", "--role", "api", "--env-file", "", env=settings)
        try:
            await part.says(READY)
        finally:
            await part.kill()
        return part.text

    everything, errors = await asyncio.gather(said("INFO"), said("ERROR"))

    assert "first check vastai" in everything
    assert "first check vastai" not in errors


async def test_requests_under_way_get_the_drain_timeout_and_no_longer(database_url, market):
    await market.fault(kind="hang", operation="offers")
    settings = {
        "DATABASE_URL": database_url, "EMULATOR_URL": market.url, "PORT": "0", "COMPAT_PORT": "off",
        "DRAIN_TIMEOUT": "0.2",
    }  # fmt: skip
    part = await start("serve", "--env-file", "", env=settings)
    try:
        port = await part.says(re.compile(r"started port=(\d+)"))
        async with aiohttp.ClientSession() as session:
            syncing = asyncio.create_task(session.post(f"http://127.0.0.1:{port}/api/v1/providers/sync"))
            await part.says(re.compile(r"(Started server)"))
            await asyncio.wait({syncing}, timeout=0.2)
            part.process.terminate()
            assert await part.ended(within=8) == 0
            assert (await syncing).status == 503
    finally:
        await part.kill()


async def test_the_admin_key_opens_what_another_key_does_not(database_url):
    assert await answer_to("first-admin-key", database_url, aurora_admin_key="first-admin-key") == 200
    assert await answer_to("first-admin-key", database_url, aurora_admin_key="another-admin-key") == 401
    assert await answer_to("first-admin-key", database_url, aurora_admin_key=None) == 401


@pytest.mark.parametrize(("limit", "served_of_four"), [(3, 3), (4, 4), (0, 4)])
async def test_a_tenant_may_ask_as_often_as_the_inbound_rate_limit_says(database_url, limit, served_of_four):
    async with (
        booted(database_url, inbound_rate_limit=limit) as aurora,
        served(_server(aurora).config.app) as client,
    ):
        statuses = []
        for _ in range(4):
            async with client.get("/offers") as answer:
                statuses.append(answer.status)
        async with client.get("/health") as probe, client.get("/metrics") as page:
            assert (probe.status, page.status) == (200, 200)
            refused = f'aurora_inbound_refused_total{{code="rate_limited"}} {4 - served_of_four}.0'
            assert refused in await page.text()

    assert statuses == [200] * served_of_four + [429] * (4 - served_of_four)


async def answer_to(presented: str, database_url: str, **settings: str | None) -> int:
    """The status that a call with this key gets."""
    headers = {"Authorization": f"Bearer {presented}"}
    async with (
        booted(database_url, **settings) as aurora,
        served(_server(aurora).config.app) as client,
        client.get("/deployments", headers=headers) as answer,
    ):
        return answer.status
