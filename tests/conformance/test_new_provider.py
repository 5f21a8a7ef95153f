"""`make provider NAME=x` makes what the kit refuses until it is filled in, and says what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aurora.conformance.rules import RULES
from tests.conformance.kit import ROOT
from tests.conformance.new_provider import main, make

NAME = "zeta"


def mirror(source: Path, target: Path, *, real: set[str]) -> None:
    """`source` as links, but for the folders in `real` and those above them, which are made anew."""
    target.mkdir()
    for entry in source.iterdir():
        inner = {path.partition("/")[2] for path in real if path.split("/")[0] == entry.name}
        if inner:
            mirror(entry, target / entry.name, real=inner - {""})
        elif entry.name not in {".git", ".venv", "var"}:
            (target / entry.name).symlink_to(entry)


@pytest.fixture
def copy(tmp_path):
    """A checkout into which files can be put."""
    root = tmp_path / "copy"
    places = {
        "backend/aurora/providers",
        "backend/aurora/emulators",
        "tests/conformance/markets",
        "tests/conformance/known_offers",
    }
    mirror(ROOT, root, real=places)
    return root


def test_the_kit_fails_for_a_fresh_provider_and_names_every_promise_that_is_missing(copy):
    assert main([NAME], copy) == 0

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/conformance", "-k", NAME],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": f"{copy}/backend", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stdout
    assert " passed" not in done.stdout
    unnamed = [
        rule for rule in RULES if f"{NAME}: not kept: {rule}: {RULES[rule].promise}" not in done.stdout
    ]
    assert unnamed == []
    assert f"tests/conformance/markets/{NAME}.py: market(), the adapter before a booth" in done.stdout
    assert "3 offers at least" in done.stdout


def test_what_is_made_is_python_that_can_be_imported_and_knows_its_name(tmp_path):
    made = make(NAME, tmp_path)

    for file in made:
        text = file.read_text(encoding="utf-8")
        assert "$" not in text, file
        if file.suffix == ".py":
            compile(text, str(file), "exec")
    assert f'name="{NAME}"' in (tmp_path / "backend/aurora/providers" / NAME / "brand.py").read_text()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "make provider NAME=mymarket"),
        ("My-Market", "2 to 20 of a-z"),
        ("class", "no word of Python's"),
        ("../etc", "2 to 20 of a-z"),
        ("vastai", "backend/aurora/providers/vastai exists already"),
        ("brand", "backend/aurora/providers/brand.py exists already"),
        ("spoil", "backend/aurora/emulators/spoil.py exists already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_in_one_line(capsys, name, told):
    assert main([name]) == 2

    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_the_target_of_the_makefile_passes_the_name_on():
    done = subprocess.run(
        ["make", "--dry-run", "provider", f"NAME={NAME}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert f'tests.conformance.new_provider "{NAME}"' in done.stdout
