"""The pins: whole, hashed, and without a word about where they came from."""

import re
import tomllib

import pytest

from tests.docs.pages import ROOT

LOCKS = sorted(
    path
    for path in [*ROOT.glob("*.lock"), *ROOT.glob("tests/official/*.lock")]
    if "requirements" in path.name
)
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,-]+\])?==([^\s;\\]+)")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def pins(text: str) -> dict[str, str]:
    return {found[1]: found[2] for line in text.splitlines() if (found := _PIN.match(line))}


def test_there_are_locks_for_running_and_for_developing():
    assert {"requirements.lock", "requirements-dev.lock"} <= {path.name for path in LOCKS}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_index_no_host_and_no_path(path):
    for line in path.read_text().splitlines():
        assert not line.lstrip().startswith(
            ("-i", "--index", "--extra-index", "--find-links", "--trusted", "-f ")
        ), line
        assert "://" not in line, line
        assert "@" not in line, line
        assert not re.search(r"(^|\s)(/|\.\.?/)", line), line


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_pin_is_exact_and_has_its_hashes(path):
    blocks = re.split(r"\n(?=\S)", path.read_text().strip())
    blocks = [block for block in blocks if not block.startswith("#")]

    assert blocks
    for block in blocks:
        assert _PIN.match(block), block[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:80]


def test_what_runs_is_pinned_alike_for_developing():
    running = pins((ROOT / "requirements.lock").read_text())
    developing = pins((ROOT / "requirements-dev.lock").read_text())

    assert running.items() <= developing.items()


def test_everything_asked_for_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {_NAME.match(each)[0].lower().replace("_", "-") for each in asked}

    assert names <= set(pins((ROOT / "requirements-dev.lock").read_text()))
