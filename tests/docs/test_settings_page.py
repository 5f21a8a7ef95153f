"""Every setting is in `.env.example` and in docs/operations.md, with the default that the code has."""

from enum import Enum
from typing import Any

from pydantic import SecretStr

from aurora.settings import Settings
from tests.docs.pages import ROOT, read, rows, section


def plain(value: Any) -> str:
    """A default as people write it; nothing for none."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def defaults() -> dict[str, str]:
    return {name.upper(): plain(field.default) for name, field in Settings.model_fields.items()}


def test_the_example_file_lists_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]

    assert {name: value.partition("#")[0].strip() for name, _, value in named} == defaults()


def test_the_operations_page_lists_every_setting_with_its_default_and_a_meaning() -> None:
    table = rows(section(read("operations.md"), "## Settings"))

    assert {name: default for name, default, _ in table} == defaults()
    assert all(meaning for *_, meaning in table)


def test_no_setting_is_listed_twice() -> None:
    names = [row[0] for row in rows(section(read("operations.md"), "## Settings"))]

    assert len(names) == len(set(names))
