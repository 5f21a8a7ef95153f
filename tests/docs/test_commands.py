"""Every command of README and docs that talks to a running Aurora is executed against one."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.databases import Databases
from tests.docs.pages import DOCS, ROOT, Block, blocks, read, rows, section
from tests.e2e.stack import Stack, plain_environment, stack, start

API = "http://127.0.0.1:8080"
EMULATORS = "http://127.0.0.1:9100"
SPEED = 20
RATE = "6000"
"""Requests per minute: three syncs in a row must not wait for tokens here."""
PROMISES = {
    '"lost_response"': '"adopted"',
    '"start_failure"': '"fail_over"',
    '"code": 503, "count": 5': '"OPEN"',
    '"bids_above_ceiling"': "bids only above the ceiling",
}
"""What a block with these words must show somewhere in its answers."""
LONGEST_S = 25.0
"""Of one block."""
CURL = """#!/bin/bash
# Does what curl does, and keeps what came of it.
body=$(mktemp "$ANSWERS/body.XXXXXX")
status=$("$REAL_CURL" "$@" -o "$body" -w '%{http_code}') || exit $?
printf '%s\\t%s\\t%s\\n' "$status" "$body" "$*" >> "$ANSWERS/calls"
cat "$body"
"""


@dataclass(frozen=True)
class Answer:
    """One curl of a block."""

    status: int
    body: str
    arguments: str

    @property
    def wrong(self) -> str | None:
        """Why this is not what a reader should see; None when it is."""
        if self.status >= 400:
            return f"{self.status} for curl {self.arguments}: {self.body[:300]}"
        if self.arguments.endswith(("/logs", "/metrics")) or self.status == 204:
            return None
        try:
            json.loads(self.body)
        except ValueError:
            return f"no JSON for curl {self.arguments}: {self.body[:300]}"
        return None


def commands() -> list[Block]:
    """The blocks to run, in the order of the pages: README first."""
    found = [block for page in (ROOT / "README.md", *sorted(DOCS.glob("*.md"))) for block in blocks(page)]
    return [block for block in found if block.kind == "bash"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Emulators and a database, on free ports."""
    folder = tmp_path_factory.mktemp("commands")
    url = await databases.sqlite_url(folder / "aurora.db")
    async with stack(folder, state_speed=SPEED, database_url=url, VASTAI_RATE_LIMIT=RATE) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def running(installation: Stack) -> Stack:
    """With an Aurora that is ready."""
    if installation.aurora is None or installation.aurora.process.returncode is not None:
        await installation.boot()
    return installation


async def run(block: Block, running: Stack, folder: Path) -> tuple[int, str, list[Answer]]:
    """Exit code, output and answers of a block, its addresses and files put where this test has them."""
    script = block.text.replace(API, running.url).replace(EMULATORS, running.emulator_url)
    script = script.replace("/tmp/", f"{folder}/")  # noqa: S108 - the documents' readers have no folder of ours
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "curl").write_text(CURL)
    (bin_folder / "curl").chmod(0o755)
    environment = {
        **plain_environment(),
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "REAL_CURL": str(shutil.which("curl")),
        "ANSWERS": str(folder),
    }
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode(), _answers(folder)


def _answers(folder: Path) -> list[Answer]:
    calls = folder / "calls"
    lines = calls.read_text().splitlines() if calls.exists() else []
    found = []
    for line in lines:
        status, body, arguments = line.split("\t", 2)
        found.append(Answer(int(status), Path(body).read_text(), arguments))
    return found


@pytest.mark.parametrize("block", commands(), ids=str)
@pytest.mark.asyncio(loop_scope="module")
async def test_every_command_of_the_documents_works(block: Block, running: Stack, tmp_path: Path) -> None:
    assert "curl" in block.text, "a block that is not meant to be run is marked console or text"

    code, said, answers = await run(block, running, tmp_path)

    assert code == 0, said
    assert len(answers) >= block.text.count("curl ")
    assert [answer.wrong for answer in answers if answer.wrong] == []
    shown = "".join(answer.body for answer in answers)
    assert [told for words, told in PROMISES.items() if words in block.text and told not in shown] == []


@pytest.mark.parametrize("block", commands(), ids=str)
def test_commands_speak_to_the_ports_that_are_written_down(block: Block) -> None:
    words = [word.strip("'\"") for word in block.text.split()]
    called = {urlsplit(word).netloc for word in words if word.startswith("http://")}

    assert called <= {urlsplit(API).netloc, urlsplit(EMULATORS).netloc}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_second_process_on_the_same_file_is_told_so(running: Stack) -> None:
    second = await start("serve", "--env-file", "", env=running.settings)

    assert await second.ended() == 1
    assert "aurora.db is in use by pid" in second.text
    assert "several replicas need DATABASE_URL on Postgres" in read("operations.md")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_exit_code_after_sigterm_is_the_documented_one(running: Stack) -> None:
    table = rows(section(read("operations.md"), "## Exit codes"))
    documented = {int(row[1]) for row in table if row[0] == "aurora serve" and "SIGTERM" in row[2]}
    assert running.aurora is not None

    code = await running.aurora.stop()

    assert {code if code >= 0 else 128 - code} == documented
