"""The official Python SDK (PyPI salad-cloud-sdk 0.9.0a17) against the emulator: every call of the recording."""

import asyncio
import json
from pathlib import Path

import pytest

from aurora.emulators.server import EmulatorOptions, running

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-salad" / "bin" / "python"
SCRIPT = ROOT / "tests" / "official" / "salad_sdk_calls.py"
SAMPLES = ROOT / "tests" / "fixtures" / "salad"
STATE_SPEED = 1000  # running in a fifth of a second


@pytest.fixture(scope="module")
def seen():
    """What the SDK made of all its calls."""
    if not PYTHON.exists():
        pytest.fail("the official client is not installed: run make setup-official")
    return asyncio.run(_seen())


async def _seen():
    async with running(EmulatorOptions(providers=("salad",), state_speed=STATE_SPEED)) as url:
        process = await asyncio.create_subprocess_exec(
            str(PYTHON),
            str(SCRIPT),
            f"{url}/salad/api/public",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


def test_the_sdk_reads_the_captured_classes(seen):
    captured = json.loads((SAMPLES / "gpu-classes_2025-09-22.json").read_text())["items"]
    prices = {one["id"]: [[p["priority"], p["price"]] for p in one["prices"]] for one in captured}

    assert {one[0]: one[2] for one in seen["classes"]} == prices
    assert seen["available"][0] >= seen["available"][1] > 0
    assert seen["quota"] > 0


def test_the_sdk_follows_a_group_through_its_life(seen):
    name, status, priority, dns = seen["created"]

    assert (name, status, priority) == ("job-1", "pending", "batch")
    assert dns.endswith(".salad.example")
    assert seen["listed"] == ["job-1"]
    assert seen["instance"][1] == "running"
    assert seen["up"] == ["running", 1]
    assert seen["hash"].startswith("sha256:")
    assert seen["changed"] == [2, 2]
    assert seen["instances"] == 2
    assert seen["stopped"] == "stopped"


def test_the_sdk_reads_events_and_logs(seen):
    names = [name for name, _ in seen["events"]]

    assert "Instance Reallocated by User" in names
    assert "Container Group Desired Replica Count Updated from 1 to 2" in names
    assert all(isinstance(version, str) for _, version in seen["events"])
    assert seen["log_organization"] == "acme"
    assert seen["log"][0] == ["default", "[emulated] starting job-1 image=nginx:latest run=1"]


def test_the_sdk_raises_what_the_contract_says(seen):
    assert (seen["conflict"]["kind"], seen["conflict"]["status"]) == ("ProblemDetails", 400)
    assert seen["conflict"]["type"] == "name_conflict"
    assert (seen["gone"]["kind"], seen["gone"]["status"]) == ("ProblemDetails", 404)
    assert (seen["refused_key"]["kind"], seen["refused_key"]["status"]) == ("ProblemDetails", 401)
    # codes that the specification does not declare for an operation are no problem details to the SDK
    assert (seen["wrong_key"]["kind"], seen["wrong_key"]["status"]) == ("ApiError", 401)
    assert (seen["strange"]["kind"], seen["strange"]["status"]) == ("ApiError", 404)
