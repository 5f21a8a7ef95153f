"""`aurora run` beside what an earlier one left behind: a killed run's markets go on, and have its instances."""

import re
import socket

from tests.e2e.stack import start

_READY = re.compile(r"Aurora Router started port=(\d+)")
_EMULATORS = re.compile(r"Emulators ready on (http://[^\s:]+:\d+)")
_ONE = ("--providers", "vastai")


def settings(folder, emulator: str) -> dict[str, str]:
    only = {f"{name}_ENABLED": "false" for name in ("AKASH", "IONET", "SALAD", "RENDER", "AETHIR", "FLUX")}
    return {
        "EMULATOR_URL": emulator,
        "DATABASE_URL": f"sqlite:///{folder / 'aurora.db'}",
        "PORT": "0",
        "COMPAT_PORT": "0",
        **only,
    }


async def test_emulators_that_a_killed_run_left_are_used_and_left_again(tmp_path):
    left = await start("emulate", "--port", "0", *_ONE, env={})
    emulator = await left.says(_EMULATORS)

    again = await start("run", env=settings(tmp_path, emulator))
    try:
        await again.says(_READY)
        assert f"Emulators already run on {emulator}: they are used" in again.text
        assert await again.stop() == 0
        assert left.process.returncode is None
    finally:
        await again.kill()
        await left.stop()


async def test_a_port_that_another_program_has_is_named_with_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        emulator = f"http://127.0.0.1:{taken.getsockname()[1]}"

        refused = await start("run", env=settings(tmp_path, emulator))

        assert await refused.ended() == 1
    assert "set EMULATOR_URL to a port that is free" in refused.text
    assert "choose another one" in refused.text
