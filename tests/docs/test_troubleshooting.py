"""docs/troubleshooting.md quotes what the code says."""

import re

import pytest

from tests.docs.pages import ROOT, read, rows

JOINED = re.compile(r'"\s*\n\s*f?"')
"""Between two parts of one text in the source."""
SHORTEST = 4
ELSEWHERE = {"Address already in use"}
"""Words that the system puts into our messages."""


def source() -> str:
    """Everything that Aurora can say."""
    files = sorted((ROOT / "backend" / "aurora").rglob("*.py"))
    text = JOINED.sub("", "\n".join(file.read_text(encoding="utf-8") for file in files))
    return text.replace("`", "")


CODE = source()


def quoted() -> list[str]:
    """The messages with which rows begin; a row that begins with a word describes something else."""
    lines = re.findall(r"^\| `(.*?)`(?: with \d+)? \| ", read("troubleshooting.md"), flags=re.MULTILINE)
    assert len(lines) >= 40
    return [line.replace("`", "") for line in lines]


def fixed_parts(message: str) -> list[str]:
    """The stretches of the message that are the same in every case."""
    for words in ELSEWHERE:
        message = message.replace(words, "...")
    stretches = [part.strip(" :;,.()") for part in message.split("...")]
    return [part for part in stretches if len(part) >= SHORTEST]


@pytest.mark.parametrize("message", quoted())
def test_a_quoted_message_is_one_that_aurora_prints(message):
    parts = fixed_parts(message)

    assert parts, "nothing of it is fixed"
    assert [part for part in parts if part not in CODE] == []


def test_every_table_says_what_why_and_what_to_do():
    table = rows(read("troubleshooting.md"))

    assert len(table) >= 50
    assert all(len(row) == 3 and all(row) for row in table)


def test_operations_leads_here():
    assert "(troubleshooting.md)" in read("operations.md")
