"""No market's folder repeats another's: what two of them need is lifted into one noun beside the folders.

Counted as copy detectors do: runs of six lines and more that stand in two folders, without blank lines, comments,
imports and lone punctuation, white space folded.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

import aurora

RUN = 6
MOST_SHARE = 0.05
HOME = Path(aurora.__file__).parent
_IMPORT = re.compile(r"(?:from \S+ )?import ")


def counted_lines(text: str) -> list[str]:
    """The lines that say something."""
    found, importing = [], False
    for line in (" ".join(each.split()) for each in text.splitlines()):
        if importing or _IMPORT.match(line):
            importing = ")" not in line if importing else line.endswith("(")
        elif line and not line.startswith("#") and re.search(r"\w", line):
            found.append(line)
    return found


def shares(folders: Mapping[str, list[list[str]]]) -> dict[str, float]:
    """Of each folder's files, the share of lines that stand in a run of another folder too."""
    runs: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for folder, files in folders.items():
        for lines in files:
            for start in range(len(lines) - RUN + 1):
                runs[tuple(lines[start : start + RUN])].add(folder)
    return {
        folder: sum(_repeated(lines, runs) for lines in files) / max(1, sum(map(len, files)))
        for folder, files in folders.items()
    }


def _repeated(lines: list[str], runs: Mapping[tuple[str, ...], set[str]]) -> int:
    found: set[int] = set()
    for start in range(len(lines) - RUN + 1):
        if len(runs[tuple(lines[start : start + RUN])]) > 1:
            found.update(range(start, start + RUN))
    return len(found)


def folders_of(room: str) -> dict[str, list[list[str]]]:
    return {
        folder.name: [counted_lines(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.py"))]
        for folder in sorted((HOME / room).iterdir())
        if (folder / "__init__.py").exists()
    }


def test_a_run_of_six_lines_in_two_folders_is_found():
    shared = [f"line {number}" for number in range(6)]
    folders = {"a": [[*shared, "own"] * 2], "b": [["first", *shared]], "c": [shared[:5]], "d": [shared[1:]]}

    assert shares(folders) == {"a": 12 / 14, "b": 6 / 7, "c": 0, "d": 0}


def test_imports_comments_blanks_and_punctuation_are_no_lines():
    text = 'from a import (\n    b,\n)\nimport c\n\n# why\nx  =  f(\n    "b",\n)\n'

    assert counted_lines(text) == ["x = f(", '"b",']


@pytest.mark.parametrize("room", ["providers", "emulators"])
def test_under_five_percent_of_a_markets_lines_stand_in_another_markets_folder(room):
    found = shares(folders_of(room))

    assert len(found) >= 7
    assert {folder: share for folder, share in found.items() if share >= MOST_SHARE} == {}
