"""`aurora run`: everything on one machine, emulated, under one Ctrl-C."""

import json
import os
import signal
import subprocess  # starts only `aurora emulate` and `aurora serve`  # nosec B404
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from urllib.parse import urlsplit

from aurora.cli.migrate import migrate

_STOP_SECONDS = 30.0
_EMULATOR_SECONDS = 30.0


def run(*, limits: str, state_speed: float) -> int:
    """Exit code of the first part that ended by itself; 0 after Ctrl-C or SIGTERM."""
    os.environ["AURORA_MODE"] = "emulated"
    emulator = os.environ.setdefault("EMULATOR_URL", "http://127.0.0.1:9100")
    code = migrate(env_file=None)
    if code:
        return code
    port = urlsplit(emulator).port or 9100
    emulate = ("emulate", "--port", str(port), "--limits", limits, "--state-speed", str(state_speed))
    there = _emulators_at(emulator)
    if there:
        # Left by a run that was killed: they have its instances, and the records know of them.
        print(f"Emulators already run on {emulator}: they are used, and stay when this ends")
    parts = [] if there else [_start(emulate, os.environ)]
    try:
        if not there and not _answers(emulator, parts[0]):
            print(f"no emulators on {emulator}: set EMULATOR_URL to a port that is free", file=sys.stderr)
            return parts[0].poll() or 1
        parts.append(_start(("serve", "--env-file", ""), os.environ))
        return _wait(parts)
    finally:
        _stop(parts)


def _start(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "aurora", *arguments]
    return subprocess.Popen(command, env=dict(environment))  # noqa: S603 - our own command  # nosec B603


def _answers(emulator: str, part: subprocess.Popen[bytes]) -> bool:
    """Wait until the emulators serve."""
    until = time.monotonic() + _EMULATOR_SECONDS
    while time.monotonic() < until and part.poll() is None:
        if _emulators_at(emulator):
            return True
        time.sleep(0.05)
    return False


def _emulators_at(address: str) -> bool:
    """Do Aurora's emulators answer there, and not some other program?"""
    try:
        with urllib.request.urlopen(f"{address}/_emulator", timeout=1) as answer:  # noqa: S310 - our own loopback address  # nosec B310
            told = json.loads(answer.read(65_536))
    except (urllib.error.URLError, OSError, ValueError, HTTPException):
        return False
    return isinstance(told, dict) and told.get("emulated") is True


def _wait(parts: Sequence[subprocess.Popen[bytes]]) -> int:
    """Until one part ends or somebody stops us."""
    stopped: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, _frame: stopped.append(number))
    while not stopped:
        for part in parts:
            code = part.poll()
            if code is not None:
                return code
        time.sleep(0.1)
    return 0


def _stop(parts: Sequence[subprocess.Popen[bytes]]) -> None:
    """The server first: it gives its instances back to the records before the markets go."""
    for part in reversed(parts):
        if part.poll() is None:
            part.terminate()
            try:
                part.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                part.kill()
                part.wait()
