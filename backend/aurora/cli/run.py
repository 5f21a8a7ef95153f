"""`aurora run`: everything on one machine, emulated, under one Ctrl-C."""

import os
import signal
import subprocess  # starts only `aurora emulate` and `aurora serve`  # nosec B404
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
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
    parts = [_start(emulate, os.environ)]
    try:
        if not _answers(f"{emulator}/_emulator", parts[0]):
            return parts[0].poll() or 1
        parts.append(_start(("serve", "--env-file", ""), os.environ))
        return _wait(parts)
    finally:
        _stop(parts)


def _start(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "aurora", *arguments]
    return subprocess.Popen(command, env=dict(environment))  # noqa: S603 - our own command  # nosec B603


def _answers(url: str, part: subprocess.Popen[bytes]) -> bool:
    """Wait until the emulators serve."""
    until = time.monotonic() + _EMULATOR_SECONDS
    while time.monotonic() < until and part.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own loopback address  # nosec B310
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False


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
