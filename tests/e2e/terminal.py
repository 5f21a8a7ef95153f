"""The `aurora` command against a running stack: as a process of its own, or in this one."""

import asyncio
import sys

from tests.e2e.stack import ROOT, Stack, plain_environment
from tests.unit.cli.cli_standin import Done, run

WIDTH = 100


async def begin(running: Stack, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
    """A process that the test talks with."""
    own = {"AURORA_URL": running.url, "COLUMNS": str(WIDTH), **settings}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "aurora",
        *arguments,
        cwd=ROOT,
        env={**plain_environment(), **own},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def process(running: Stack, *arguments: str, **settings: str) -> Done:
    """As the user has it: a process that starts, answers and ends."""
    begun = await begin(running, *arguments, **settings)
    out, err = await asyncio.wait_for(begun.communicate(), 60)
    return Done(begun.returncode or 0, out.decode(), err.decode())


async def aurora(running: Stack, *arguments: str, **settings: str) -> Done:
    """The same without the start of a process; meanwhile the loop reads what the stack's processes say."""
    return await asyncio.to_thread(lambda: run(running.url, *arguments, width=WIDTH, **settings))
