"""What the commands that need no server answer to wrong options: one line and an exit code."""

import gc
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from aurora.cli.main import app
from aurora.db.lock import FileLock
from aurora.settings import Settings
from aurora.telemetry.redaction import Redactor
from tests.e2e.stack import ROOT, plain_environment
from tests.unit.telemetry.test_logging import logging_to

HEAVY = ("fastapi", "sqlalchemy", "aiohttp", "uvicorn", "alembic", "pydantic", "aurora.bootstrap")


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a command does to its process (settings read, logging, garbage collection) is undone."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    with logging_to(Redactor()):
        yield
    gc.enable()


def run(*arguments: str, **settings: str) -> tuple[int, str]:
    """Exit code and what was said on standard error."""
    result = CliRunner().invoke(app, list(arguments), env=settings)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["emulate", "--providers", "nope"], "--providers: no emulator for nope"),
        (["emulate", "--limits", "odd"], "--limits: must be real or relaxed"),
        (["serve", "--role", "odd"], "--role: must be one of all, api, worker"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(arguments, line):
    code, said = run(*arguments)

    assert code == 2
    assert said.startswith(line)
    assert said.count("\n") == 1


def test_a_taken_port_of_the_emulators_is_one_line_and_exit_code_1():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, said = run("emulate", "--port", str(port), "--providers", "vastai")

    assert code == 1
    assert said.startswith(f"--port {port}: ")


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_malformed_setting_is_one_line_and_exit_code_2(command):
    code, said = run(command, "--env-file", "", PORT="abc")

    assert code == 2
    assert said.startswith("PORT: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://user:s3cret@host/db", "postgresql://user:s3cret@127.0.0.1:9/db", "http://["]
)
def test_a_bad_database_url_is_one_line_without_its_password_and_exit_code_1(command, url):
    code, said = run(command, "--env-file", "", DATABASE_URL=url, PORT="0", COMPAT_PORT="off")

    assert code == 1
    assert said.startswith("DATABASE_URL: ")
    assert said.count("\n") == 1
    assert "s3cret" not in said


def test_migrating_makes_the_database_and_again_changes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/new/folder/aurora.db"

    first, again = (run("migrate", "--env-file", "", DATABASE_URL=url) for _ in range(2))

    assert (first, again) == ((0, ""), (0, ""))
    assert (tmp_path / "new" / "folder" / "aurora.db").is_file()


def test_an_unknown_revision_is_one_line_and_exit_code_2(tmp_path):
    url = f"sqlite:///{tmp_path}/aurora.db"

    code, said = run("migrate", "9999", "--env-file", "", DATABASE_URL=url)

    assert code == 2
    assert said.startswith("revision 9999: ")
    assert said.count("\n") == 1


def test_serving_a_database_without_a_schema_says_what_to_do(tmp_path):
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/aurora.db", "PORT": "0", "COMPAT_PORT": "off"}

    code, said = run("serve", "--env-file", "", **settings)

    assert code == 1
    assert "run `aurora migrate`" in said


def test_serving_a_database_that_is_served_already_says_so(tmp_path):
    file = tmp_path / "aurora.db"
    lock = FileLock(str(file))
    lock.acquire()
    try:
        code, said = run(
            "serve", "--env-file", "", DATABASE_URL=f"sqlite:///{file}", PORT="0", COMPAT_PORT="off"
        )
    finally:
        lock.release()

    assert code == 1
    assert "is in use by pid " in said


def test_live_mode_without_a_secret_key_does_not_start():
    code, said = run("serve", "--env-file", "", AURORA_MODE="live")

    assert code == 2
    assert "SECRET_KEY" in said


def test_importing_the_command_imports_none_of_the_heavy_rooms():
    probe = f"import sys, aurora.cli.main; print([n for n in {HEAVY!r} if n in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT,
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
