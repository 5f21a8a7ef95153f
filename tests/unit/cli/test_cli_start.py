"""The command starts quickly, completes in shells, and can be stopped."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora.cli import complete
from tests.e2e.stack import ROOT, plain_environment
from tests.unit.cli.cli_answers import DEPLOYMENT, deployment, offers, provider, route
from tests.unit.cli.cli_standin import serving

HEAVY = (
    "fastapi",
    "starlette",
    "sqlalchemy",
    "aiohttp",
    "uvicorn",
    "alembic",
    "aurora.bootstrap",
    "aurora.api",
)


@pytest.fixture
def url(standin) -> Iterator[str]:
    with serving(standin) as found:
        yield found


def environment(url: str, **more: str) -> dict[str, str]:
    return {**plain_environment(), "AURORA_URL": url, "COLUMNS": "100", **more}


def start(*arguments: str, url: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aurora", *arguments],
        cwd=ROOT,
        env=environment(url, **more),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_command_over_http_imports_no_framework_and_no_database(standin, url):
    standin.on("GET /offers", offers())
    probe = (
        "import sys\n"
        "from aurora.cli.main import app\n"
        "app(['offers'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT,
        env=environment(url),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_rich_is_not_imported_for_json(standin, url):
    standin.on("GET /offers", offers())
    probe = (
        "import sys\n"
        "from aurora.cli.main import app\n"
        "app(['offers', '--json'], standalone_mode=False)\n"
        "sys.exit('rich' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, env=environment(url), capture_output=True, check=False
    )

    assert done.returncode == 0


@pytest.mark.parametrize("arguments", [["--help"], ["route", "--help"], ["offers", "--help"]])
def test_help_imports_nothing_that_speaks_to_anybody(url, arguments):
    """A tenth of a second and more, each of them: `aurora --help` takes less than three (bench_process measures)."""
    network = ("http.client", "urllib.request", "ssl", "email.parser", "asyncio", "yaml")
    probe = (
        "import sys\n"
        "from aurora.cli.main import app\n"
        f"app({arguments!r}, standalone_mode=False)\n"
        f"print([name for name in {HEAVY + network!r} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT,
        env=environment(url),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_shell_completes_commands_options_and_ids(standin, url):
    standin.on("GET /deployments", {"deployments": [deployment()], "next_cursor": None, "providers": {}})

    assert completed("aurora sta", 1, url) == ["status"]
    assert completed("aurora route --pol", 2, url) == ["--policy"]
    assert completed("aurora route --policy ro", 3, url) == ["round-robin"]
    assert completed("aurora status dep-", 2, url) == [DEPLOYMENT]


def completed(words: str, at: int, url: str) -> list[str]:
    more = {"_AURORA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    entry = [
        sys.executable,
        "-c",
        "import sys; sys.argv[0] = 'aurora'; from aurora.cli.main import main; main()",
    ]
    done = subprocess.run(
        entry, cwd=ROOT, env=environment(url, **more), capture_output=True, text=True, check=False
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("shell", "script"), [("bash", "COMPREPLY"), ("zsh", "#compdef"), ("fish", "complete")]
)
def test_the_completion_script_can_be_shown_and_installed(url, tmp_path: Path, shell, script):
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "HOME": str(tmp_path)}

    shown = start("--show-completion", shell, url=url, **named)
    installed = start("--install-completion", shell, url=url, **named)

    assert script in shown.stdout
    assert installed.returncode == 0
    written = [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    assert any(script in text for text in written)


def test_completion_offers_nothing_when_aurora_is_away_and_does_not_fail(monkeypatch):
    monkeypatch.setenv("AURORA_URL", "http://127.0.0.1:1")

    assert complete.deployments("dep-") == []
    assert complete.providers("") == []
    assert complete.policies("bal") == ["balanced"]


def test_providers_are_completed_by_name(standin, url, monkeypatch):
    monkeypatch.setenv("AURORA_URL", url)
    standin.on("GET /providers", {"providers": [provider(), provider(name="akash")], "emulated": True})

    assert complete.providers("a") == ["akash"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["route", "--gpu", "a100", "--wait", "60s"], f"aurora terminate {DEPLOYMENT}"),
        (["status", DEPLOYMENT, "--watch"], f"aurora terminate {DEPLOYMENT}"),
        (["terminate", DEPLOYMENT, "--wait"], "is being ended all the same"),
    ],
)
def test_ctrl_c_leaves_the_deployment_running_and_says_how_to_end_it(standin, url, arguments, said):
    provisioning = deployment(status="provisioning")
    standin.on("POST /route", route()).on(f"GET /deployments/{DEPLOYMENT}", provisioning)
    standin.on(f"DELETE /deployments/{DEPLOYMENT}", provisioning)
    process = subprocess.Popen(
        [sys.executable, "-m", "aurora", *arguments],
        cwd=ROOT,
        env=environment(url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    until(lambda: len(standin.calls("GET")) >= 2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)

    assert process.returncode == 130
    assert said in told


def until(condition) -> None:
    tick = threading.Event()
    for _ in range(1000):
        if condition():
            return
        tick.wait(0.02)
    raise AssertionError("it did not come to that")


def test_a_terminal_gets_colours_and_a_moving_line_and_a_pipe_gets_neither(standin, url):
    standin.on("POST /route", route()).on(f"GET /deployments/{DEPLOYMENT}", deployment())

    seen = on_a_terminal(["route", "--gpu", "a100", "--wait", "60s"], environment(url, TERM="xterm"))
    piped = start("route", "--gpu", "a100", "--wait", "60s", url=url)

    assert "\x1b[32m" in seen
    assert "\x1b[?25l" in seen  # the moving line hides the cursor
    assert "\x1b" not in piped.stdout + piped.stderr
    assert "\x1b[32m" not in on_a_terminal(
        ["status", DEPLOYMENT], environment(url, TERM="xterm", NO_COLOR="1")
    )


def on_a_terminal(arguments: list[str], env: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "aurora", *arguments], cwd=ROOT, env=env, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = read_all(ours)
        process.wait(timeout=20)
    os.close(ours)
    return seen


def read_all(descriptor: int) -> str:
    parts = []
    while select.select([descriptor], [], [], 20)[0]:
        try:
            part = os.read(descriptor, 65_536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode(errors="replace")


def test_watching_redraws_one_place_of_a_terminal(standin, url):
    standin.on(f"GET /deployments/{DEPLOYMENT}", deployment(status="terminated"))

    seen = on_a_terminal(["status", DEPLOYMENT, "--watch"], environment(url, TERM="xterm"))

    assert "terminated" in seen
