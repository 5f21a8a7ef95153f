import asyncio
import os
import re
import signal
import sys

import aiohttp
import pytest

from aurora.emulators.server import PROVIDERS, EmulatorOptions, build_app, running


async def test_the_emulator_says_what_it_is(start):
    vast = await start(seed=7, state_speed=5, limits="real")

    info = (await vast.ask("GET", "/_emulator", key=None)).body
    health = (await vast.ask("GET", "/_emulator/health", key=None)).body

    assert info == {
        "emulated": True,
        "providers": list(PROVIDERS),
        "limits": "real",
        "seed": 7,
        "state_speed": 5,
        "offers": 300,
        "started_at": vast.clock.now().isoformat(),
    }
    assert health["emulated"] is True


async def test_calls_are_counted_by_operation(vast):
    offer = await vast.an_offer()
    instance = await vast.rent(offer)
    await vast.search(ask_contract_id={"eq": offer["id"]})
    await vast.show(instance)
    await vast.listed()
    await vast.api("PUT", f"/v0/instances/request_logs/{instance}/", json={})
    await vast.api("PUT", f"/v0/instances/{instance}/", json={"label": "x"})
    await vast.api("GET", "/v0/gpu_names/unique/", key=None)
    await vast.api("GET", "/v0/users/current", key="invalid")
    await vast.api("GET", "/v0/nowhere")
    await vast.destroy(instance)

    assert await vast.calls() == {
        "create": 1,
        "health": 2,
        "list": 1,
        "logs": 1,
        "manage": 1,
        "offers": 1,
        "quote": 1,
        "status": 1,
        "terminate": 1,
        "unknown": 1,
    }


async def test_requests_are_kept_without_the_key(vast):
    offer = await vast.an_offer()
    await vast.create(offer)
    await vast.api("GET", "/v0/users/current/?api_key=hush-hush", headers={"X-Request-Id": "r-1"})

    rows = (await vast.ask("GET", "/_emulator/vastai/requests?operation=create")).body["requests"]
    everything = (await vast.ask("GET", "/_emulator/vastai/requests")).body["requests"]

    assert [(row["method"], row["path"]) for row in rows] == [("PUT", f"/vastai/api/v0/asks/{offer['id']}/")]
    assert rows[0]["headers"]["Authorization"] == "[redacted]"
    assert everything[-1]["request_id"] == "r-1"
    assert "hush" not in str(everything)
    assert "test-key" not in str(everything)


async def test_the_ledger_keeps_the_destroyed(vast):
    instance = await vast.rent(label="one")
    await vast.until_running(instance)
    vast.clock.step(600)
    await vast.destroy(instance)
    destroyed_at = vast.clock.now()
    vast.clock.step(600)

    row = (await vast.ledger())[instance]

    assert (row["label"], row["state"], row["stopped_at"]) == ("one", "destroyed", destroyed_at.isoformat())
    assert row["usd_billed"] == pytest.approx(row["usd_per_hour"] / 6, rel=0.1)
    assert row["usd_billed"] == round(row["usd_billed"], 9)


async def test_a_provider_that_is_not_emulated_is_404(vast):
    for path in ("ledger", "calls", "requests", "faults"):
        assert (await vast.ask("GET", f"/_emulator/nobody/{path}")).status == 404


async def test_an_event_that_is_no_event_is_422(vast):
    answers = [
        await vast.ask("POST", "/_emulator/vastai/events", data=data)
        for data in (b"{", b"[]", b'{"event": "outbid", "id": "x"}')
    ]

    assert [(a.status, a.body["field"]) for a in answers] == [(422, "body"), (422, "body"), (422, "id")]


async def test_paths_work_with_and_without_a_trailing_slash(vast):
    for path in (
        "/v0/users/current",
        "/v0/gpu_names/unique",
        "/v0/gpu_types",
        "/v1/instances",
        "/v0/instances",
    ):
        assert (await vast.api("GET", path)).body == (await vast.api("GET", f"{path}/")).body
    assert "RTX 4090" in (await vast.api("GET", "/v0/gpu_names/unique/", key=None)).body["gpu_names"]


async def test_an_unknown_provider_cannot_be_emulated():
    with pytest.raises(ValueError, match="no emulator for mars"):
        build_app(EmulatorOptions(providers=("mars",)))


async def test_the_helper_serves_on_a_free_port_and_ends_hanging_calls():
    async with running(EmulatorOptions(offers=20)) as url, aiohttp.ClientSession() as session:
        session._retry_connection = False  # else aiohttp knocks again while the server closes
        async with session.post(f"{url}/_emulator/vastai/faults", json={"kind": "hang"}) as response:
            assert response.status == 201
        call = asyncio.create_task(session.get(f"{url}/vastai/api/v0/gpu_types"))
        await asyncio.sleep(0.05)
    with pytest.raises((aiohttp.ClientError, RuntimeError)):
        await call


async def test_the_process_prints_one_line_when_ready_and_obeys_sigterm():
    code = (
        "import asyncio; from aurora.emulators.server import EmulatorOptions, run; "
        "asyncio.run(run(EmulatorOptions(port=0, offers=20)))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ},
    )
    line = (await process.stdout.readline()).decode()
    url = re.fullmatch(
        r"Emulators ready on (http://127\.0\.0\.1:\d+): vastai, akash, ionet, salad, render, aethir, flux \(limits relaxed\)\n",
        line,
    )[1]
    async with aiohttp.ClientSession() as session, session.get(f"{url}/_emulator/health") as response:
        assert response.status == 200
    process.send_signal(signal.SIGTERM)
    out, err = await process.communicate()

    assert (process.returncode, out, err) == (0, b"", b"")
