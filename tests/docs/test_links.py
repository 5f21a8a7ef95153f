"""Links lead somewhere, and lines can be read beside code."""

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, anchors, links, pages, prose

LONGEST = 120


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_relative_link_resolves(page: Path) -> None:
    missing = []
    for target in links(page):
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in anchors(found)):
            missing.append(target)

    assert missing == []


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=name)
def test_lines_are_short_tables_and_commands_apart(page: Path) -> None:
    lines = [line for line in prose(page).splitlines() if not line.startswith("|")]

    assert [line for line in lines if len(line) > LONGEST] == []
