"""The official command line (PyPI vastai 1.9.1) against the emulator: every command of the contract's section 14.3."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aurora.emulators.server import EmulatorOptions, running

ROOT = Path(__file__).resolve().parents[2]
VASTAI = ROOT / ".venv-vastai" / "bin" / "vastai"
PYTHON = VASTAI.with_name("python")
FORKS = ROOT / "tests" / "official" / "vastai_forks.py"
STATE_SPEED = 500  # boots in some hundredths of a second


@dataclass(frozen=True)
class Ran:
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Cli:
    """Runs `vastai` with a home of its own: each command in a fork of one process, or in one that is started for it."""

    url: str
    home: Path
    forks: "Forks"

    async def run(self, *words: str) -> Ran:
        code, out, err = await self.forks.run(words)
        return _ran(words, code, out=out, err=err)

    async def run_alone(self, *words: str, key: str) -> Ran:
        """As a user does."""
        process = await asyncio.create_subprocess_exec(
            str(VASTAI),
            *words,
            env=_environment(self.url, self.home, key=key),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return _ran(words, process.returncode, out=out.decode(), err=err.decode())

    async def all(self, *commands: tuple[str, ...]) -> list[Ran]:
        ended = await asyncio.gather(*(self.run(*command) for command in commands), return_exceptions=True)
        for ran in ended:  # raised only now that no command is left running
            if isinstance(ran, BaseException):
                raise ran
        return ended


class Forks:
    """The process that forks for each command; at most three run at a time."""

    def __init__(self, process: asyncio.subprocess.Process, home: Path) -> None:
        self._process = process
        self._home = home
        self._turns = asyncio.Semaphore(3)
        self._ends: dict[str, asyncio.Future[int]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def of(cls, url: str, home: Path) -> "AsyncIterator[Forks]":
        process = await asyncio.create_subprocess_exec(
            str(PYTHON),
            str(FORKS),
            env=_environment(url, home, key="TESTKEY"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        forks = cls(process, home)
        try:
            yield forks
        finally:
            process.stdin.close()
            await process.wait()
            await forks._reader

    async def run(self, words: tuple[str, ...]) -> tuple[int, str, str]:
        """Code, output and errors."""
        async with self._turns:
            out = self._home / f"out{len(self._ends)}"
            err = out.with_suffix(".err")
            ended = self._ends[str(out)] = asyncio.get_running_loop().create_future()
            job = {"words": words, "out": str(out), "err": str(err)}
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            return await ended, out.read_text(), err.read_text()

    async def _read(self) -> None:
        async for line in self._process.stdout:
            told = json.loads(line)
            self._ends[told["out"]].set_result(told["code"])
        for ended in self._ends.values():
            if not ended.done():
                ended.set_exception(ConnectionError("the process that forks has ended"))


def _environment(url: str, home: Path, *, key: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "c"),
        "XDG_CACHE_HOME": str(home / "k"),
        "XDG_STATE_HOME": str(home / "s"),
        "VAST_URL": f"{url}/vastai",
        "VAST_API_KEY": key,
        "VASTAI_NO_UPDATE_CHECK": "1",
        "COLUMNS": "250",
    }


def _ran(words: tuple[str, ...], code: int | None, *, out: str, err: str) -> Ran:
    assert code == 0, (words, err)
    assert "Traceback" not in err, (words, err)
    return Ran(out, err)


@pytest.fixture
async def cli(tmp_path):
    if not VASTAI.exists():
        pytest.fail("the official client is not installed: run make setup-official")
    async with (
        running(EmulatorOptions(providers=("vastai",), state_speed=STATE_SPEED)) as url,
        Forks.of(url, tmp_path) as forks,
    ):
        cli = Cli(url, tmp_path, forks)
        await cli.run("show", "user", "--raw")  # fills the caches of names and role once
        yield cli


async def post(cli: Cli, path: str, body: dict[str, Any]) -> Any:
    async with aiohttp.ClientSession() as session, session.post(cli.url + path, json=body) as response:
        assert response.status < 300
        return await response.json(content_type=None)


async def offers_for(cli: Cli, *, count: int, **filters: Any) -> list[dict[str, Any]]:
    query = {
        "verified": {"eq": True},
        "reliability": {"gt": 0.95},
        "gpu_frac": {"eq": 1},
        "order": [["dph_total", "asc"]],
    }
    return (await post(cli, "/vastai/api/v0/bundles/", {**query, **filters, "limit": count}))["offers"]


async def test_the_official_client_searches_in_every_form(cli):
    best, plain, countries, bids, storage, new, table = await cli.all(
        (
            "search",
            "offers",
            "gpu_name=RTX_4090 num_gpus=1 gpu_ram>=24 reliability>0.98",
            "-o",
            "dph_total",
            "--limit",
            "20",
            "--raw",
        ),
        ("search", "offers", "num_gpus=1", "--raw"),
        (
            "search",
            "offers",
            "-n",
            "gpu_name in [RTX_4090,RTX_3090] geolocation in [US,SE] duration>2",
            "--raw",
        ),
        ("search", "offers", "-i", "-n", "--raw"),
        ("search", "offers", "-b", "num_gpus>=2 dph_total<=3", "--storage", "40", "--raw"),
        ("search", "offers", "--new", "num_gpus=1", "--raw"),
        ("search", "offers", "gpu_name=H100_SXM num_gpus=4", "--limit", "4"),
    )

    assert {(o["gpu_name"], o["num_gpus"], o["verification"]) for o in best.data} == {
        ("RTX 4090", 1, "verified")
    }
    assert [o["dph_total"] for o in best.data] == sorted(o["dph_total"] for o in best.data)
    assert 0 < len(best.data) <= 20
    assert all(o["reliability"] > 0.98 and o["gpu_ram"] >= 24000 for o in best.data)
    assert [o["id"] for o in plain.data] == [o["id"] for o in new.data]
    assert {o["geolocation"][-2:] for o in countries.data} <= {"US", "SE"}
    assert {o["gpu_name"] for o in countries.data} == {"RTX 4090", "RTX 3090"}
    assert {o["verification"] for o in bids.data} == {"verified", "unverified", "deverified"}
    assert all(o["is_bid"] for o in bids.data)
    assert all(o["num_gpus"] >= 2 and o["dph_total"] <= 3 for o in storage.data)
    assert abs(storage.data[0]["storage_total_cost"] - storage.data[0]["storage_cost"] * 40 / 720) < 1e-9
    assert table.out.count("H100_SXM") == 4


async def test_the_official_client_creates_reads_changes_and_destroys(cli):
    args, ssh, bid, shell, first, second = await offers_for(cli, count=6)
    dear = str(round(bid["min_bid"] * 3, 4))
    created = await cli.all(
        (*create(args, "nginx:latest"), "--disk", "20", "--label", "job-1", "--env", '-e A=B -e C="x y" -p 8080:8080 -p 53:53/udp',
         "--args", "python", "-m", "http.server", "8080"),
        (*create(ssh, "ubuntu:22.04"), "--disk", "10", "--ssh", "--direct", "--onstart-cmd", "echo hi", "--raw"),
        (*create(bid, "ubuntu:22.04"), "--disk", "10", "--bid_price", dear, "--cancel-unavail", "--raw"),
        (*create(shell, "ubuntu:22.04"), "--onstart-cmd", "bash", "--raw", "--args", "-c", "echo hi; sleep 500000"),
        (*create(first, "a:b"), "--disk", "8", "--raw"),
        (*create(second, "a:b"), "--disk", "8", "--raw"),
    )  # fmt: skip
    job = int(re.search(r"'new_contract': (\d+)", created[0].out)[1])
    others = [ran.data["new_contract"] for ran in created[1:]]
    assert created[0].out.startswith("Started. {")

    everything, ids, table, labelled, same, one, human, user = await cli.all(
        ("show", "instances", "--raw"),
        ("show", "instances", "-q"),
        ("show", "instances"),
        ("show", "instances", "--label", "job-1", "--status", "running", "--raw"),
        ("show", "instances-v1", "--raw"),
        ("show", "instance", str(job), "--raw"),
        ("show", "instance", str(job)),
        ("show", "user", "--raw"),
    )
    assert {row["id"] for row in everything.data} == {job, *others}
    assert [int(line) for line in ids.out.split()] == sorted([job, *others])
    assert str(job) in table.out
    assert [row["id"] for row in labelled.data] == [job]
    assert {row["id"] for row in same.data} == {job, *others}
    assert one.data["actual_status"] == "running"
    assert one.data["extra_env"] == {"A": "B", "C": "x y", "-p 8080:8080": "1", "-p 53:53/udp": "1"}
    assert set(one.data["ports"]) == {"8080/tcp", "53/udp"}
    assert str(job) in human.out
    assert 0 < user.data["credit"] <= 10_000

    logs, nothing, label, stop, change, reboot, charges = await cli.all(
        ("logs", str(job), "--tail", "100"),
        ("logs", str(job), "--tail", "100", "--filter", "no such text"),
        ("label", "instance", str(others[0]), "job-2"),
        ("stop", "instance", str(others[2])),
        ("change", "bid", str(others[1]), "--price", dear),
        ("reboot", "instance", str(others[3])),
        ("show", "invoices-v1", "--charges", "--raw"),
    )
    assert "nginx:latest" in logs.out
    assert "nginx:latest" not in nothing.out
    assert label.out == f"label for {others[0]} set to job-2.\n"
    assert stop.out == f"stopping instance {others[2]}.\n"
    assert change.out == "Per gpu bid price changed\n"
    assert reboot.out == f"Rebooting instance {others[3]}.\n"
    assert f"instance-{job}" in charges.out

    start, gone, raw, several = await cli.all(
        ("start", "instance", str(others[2])),
        ("destroy", "instance", str(job), "-y"),
        ("destroy", "instance", str(others[0]), "-y", "--raw"),
        ("destroy", "instances", str(others[3]), str(others[4]), "-y"),
    )
    assert start.out == f"starting instance {others[2]}.\n"
    assert gone.out == f"destroying instance {job}.\n"
    assert raw.out == ""
    assert str(others[3]) in several.out

    left, null = await cli.all(("show", "instances", "-q"), ("show", "instance", str(job), "--raw"))
    assert sorted(int(line) for line in left.out.split()) == sorted([others[1], others[2]])
    assert null.data == {"instances": None}


async def test_the_official_client_shows_the_errors_of_the_emulator(cli):
    offer = (await offers_for(cli, count=1))[0]
    twice, small, refused, missing = await cli.all(
        ("destroy", "instance", "5", "-y", "--raw"),
        (*create(offer, "a:b"), "--disk", "4", "--raw"),
        ("create", "instance", "1", "--image", "a:b", "--raw"),
        ("logs", "5"),
    )
    wrong = await cli.run_alone("show", "instances", "--raw", key="invalid")

    assert json.loads(twice.err) == {"error": True, "status_code": 404, "msg": "Instance not found"}
    assert json.loads(small.err)["status_code"] == 400
    assert "no_such_ask" in json.loads(refused.err)["msg"]
    assert missing.err == "Failed with error 404: Invalid instance id.\n"
    assert (json.loads(wrong.err)["status_code"], json.loads(wrong.err)["msg"]) == (401, "Invalid user key")


async def test_the_official_client_reads_more_than_one_page(cli):
    for offer in await offers_for(cli, count=30):
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer TESTKEY"}) as session:
            await session.put(
                f"{cli.url}/vastai/api/v0/asks/{offer['id']}/", json={"image": "a", "runtype": "args"}
            )

    assert len((await cli.run("show", "instances", "--raw")).data) == 30


def create(offer: dict[str, Any], image: str) -> tuple[str, ...]:
    return ("create", "instance", str(offer["id"]), "--image", image)
