"""The command line against real processes: the day of somebody who needs a GPU, from the terminal."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.databases import Databases
from tests.e2e.stack import Stack, stack
from tests.e2e.terminal import WIDTH, aurora, begin, process

ASK = ("route", "--workload", "llm_inference", "--gpu", "a100", "--region", "us-west", "--duration", "2h")
ROUTE = (*ASK, "--provider", "vastai")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("cli")
    url = await databases.sqlite_url(folder / "aurora.db")
    async with stack(folder, database_url=url, VASTAI_RATE_LIMIT="6000") as made:
        await made.boot()
        yield made


async def test_a_gpu_is_found_rented_looked_at_explained_and_given_back(running):
    offers = await process(running, "offers", "--gpu", "a100", "--region", "us-west", "--limit", "3")
    assert offers.code == 0, offers.err
    assert "vastai:" in offers.out

    rented = await process(running, *ROUTE, "--wait", "60s", "--json")
    assert rented.code == 0, rented.out + rented.err
    assert rented.json["status"] == "running"
    name = rented.json["deployment_id"]

    shown = await process(running, "status", name)
    assert "running" in shown.out
    assert "of 2 h" in shown.out
    await _follow_for_a_moment(running, name)
    told = await process(running, "why", name)
    for heading in ("What was asked", "Who was eliminated", "The ranking", "What happened", "What it cost"):
        assert heading in told.out
    assert name in (await process(running, "costs")).out
    assert "CLOSED" in (await process(running, "breakers")).out

    longer = await process(running, "extend", name, "1h", "--json")
    assert longer.json["allowed_seconds"] == 3 * 3600
    ended = await process(running, "terminate", name, "--wait")
    assert ended.code == 0, ended.err
    assert "terminated" in ended.out
    archived = await process(running, "logs", name, "--follow", "--tail", "5")
    assert archived.code == 0
    assert archived.out.strip()
    assert all(one["state"] == "destroyed" for one in await running.ledger())
    for done in (offers, shown, told, ended):
        assert max(len(line) for line in done.out.splitlines()) <= WIDTH


async def _follow_for_a_moment(running: Stack, name: str) -> None:
    """Lines come; Ctrl-C ends the reading and nothing else."""
    following = await begin(running, "logs", name, "--follow", "--tail", "3")
    assert following.stdout is not None
    line = await asyncio.wait_for(following.stdout.readline(), 30)
    following.send_signal(2)
    _, err = await asyncio.wait_for(following.communicate(), 30)
    assert line.strip()
    assert following.returncode == 130
    assert f"aurora terminate {name}" in err.decode()
    assert (await running.get(f"/deployments/{name}"))["status"] == "running"


async def test_both_markets_serve_one_day_of_work_side_by_side(running):
    names = {}
    for provider in ("vastai", "akash"):
        rented = await aurora(running, *ASK, "--provider", provider, "--wait", "60s", "--json")
        assert rented.code == 0, rented.out + rented.err
        assert rented.json["provider"] == provider
        names[provider] = rented.json["deployment_id"]

    for provider, name in names.items():
        told = await aurora(running, "why", name)
        assert provider in told.out
        assert "What it cost" in told.out
        logged = await aurora(running, "logs", name, "--tail", "5")
        assert logged.code == 0, logged.err
        assert logged.out.strip()
    costs = await aurora(running, "costs", "--json")
    assert costs.code == 0
    assert all(name in costs.out for name in names.values())

    for provider, name in names.items():
        ended = await aurora(running, "terminate", name, "--wait")
        assert ended.code == 0, ended.err
        assert await running.alive(provider) == []
    assert all(one["deposit_locked_usd"] == 0 for one in await running.ledger("akash"))


async def test_every_command_that_asks_answers_in_json_and_in_a_table(running):
    commands = ("offers", "providers", "sync", "breakers", "health", "policies", "status", "costs")
    for command in (*commands, "whatif --gpu a100 --region us-west"):
        as_json = await aurora(running, *command.split(), "--json")
        table = await aurora(running, *command.split())
        assert (as_json.code, table.code) == (0, 0), (command, as_json.err, table.err)
        assert isinstance(as_json.json, dict)
        assert max(len(line) for line in table.out.splitlines()) <= WIDTH, command


async def test_a_breaker_is_reset_and_errors_have_their_codes(running):
    assert (await aurora(running, "breakers", "reset", "vastai")).code == 0
    assert (await aurora(running, "status", "dep-aaaaaaaaaaaa")).code == 5
    assert (await aurora(running, "why", "dec-aaaaaaaaaaaa")).code == 5
    wrong = await aurora(running, "route", "--gpu", "no-such-gpu")
    assert wrong.code == 2
    assert "gpu_type" in wrong.err
    assert (await aurora(running, "offers", AURORA_API_KEY="wrong")).code == 4
    nothing = await aurora(running, *ROUTE, "--max-price", "0.01")
    assert nothing.code == 6
    assert "would give" in nothing.out


async def test_a_log_is_followed_over_a_restart_of_aurora_without_gap_or_double(running):
    rented = await aurora(running, *ROUTE, "--wait", "60s", "--json")
    name = rented.json["deployment_id"]
    following = await begin(running, "logs", name, "--follow", "--tail", "3")
    assert following.stdout is not None
    seen = [await asyncio.wait_for(following.stdout.readline(), 30)]
    port = running.url.rpartition(":")[2]

    assert running.aurora is not None
    await running.aurora.kill()
    await running.boot(PORT=port)
    await aurora(running, "terminate", name, "--wait")
    rest, _ = await asyncio.wait_for(following.communicate(), 60)

    steps = [_step(line) for line in (*seen, *rest.splitlines()) if b"step=" in line]
    assert steps == list(range(steps[0], steps[0] + len(steps)))


def _step(line: bytes) -> int:
    return int(line.partition(b"step=")[2].split()[0])


async def test_the_doctor_finds_nothing_wrong_and_sees_who_holds_the_database(running):
    done = await process(running, "doctor", "--env-file", "", "--json", **running.settings)

    checks = {each["check"]: each for each in done.json["checks"]}
    assert done.code == 0, done.out
    assert checks["vastai key"]["state"] == "ok"
    assert "$VASTAI_API_KEY" in checks["vastai key"]["by_hand"]
    assert checks["Aurora's API"]["state"] == "ok"
    assert running.aurora is not None
    assert checks["database lock"]["found"].startswith(f"held by pid {running.aurora.process.pid}")


async def test_the_doctor_says_that_live_mode_has_no_key(running, tmp_path: Path):
    settings = {
        "AURORA_MODE": "live",
        "SECRET_KEY": "x" * 32,
        "VASTAI_BASE_URL": running.url,
        "AKASH_ENABLED": "false",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}",
    }

    done = await process(running, "doctor", "--env-file", "", **settings)

    assert done.code == 9
    assert "no key: set VASTAI_API_KEY" in done.out
    assert "aurora migrate" in done.out
