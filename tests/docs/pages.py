"""The documents as the tests read them: fenced blocks, tables, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(?P<kind>[a-z]*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block and where it stands."""

    page: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """README and everything under docs/."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(str(path.relative_to(ROOT)), line, found["kind"], found["text"])


def prose(path: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def section(text: str, heading: str) -> str:
    """From a heading to the next one of its level or above."""
    level = heading.split(" ", maxsplit=1)[0]
    start = text.index(f"{heading}\n")
    end = re.compile(rf"^#{{1,{len(level)}}} ", re.MULTILINE).search(text, start + len(heading))
    return text[start : end.start() if end else len(text)]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, without headings, rules and backticks."""
    lines = text.splitlines()
    found: list[list[str]] = []
    for number, line in enumerate(lines):
        heads = number + 1 < len(lines) and lines[number + 1].startswith("|---")
        if line.startswith("|") and not line.startswith("|---") and not heads:
            found.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return found


def links(path: Path) -> list[str]:
    """Targets of the links that lead to files or headings of ours."""
    return [
        found["target"]
        for found in _LINK.finditer(prose(path))
        if not found["target"].startswith(("http://", "https://", "mailto:"))
    ]


def anchors(path: Path) -> set[str]:
    """The names that headings get on the code host's pages."""
    names = set()
    for found in _HEADING.finditer(prose(path)):
        plain = re.sub(r"[^\w\- ]", "", found["text"].lower())
        names.add(plain.replace(" ", "-"))
    return names
