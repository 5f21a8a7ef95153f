"""The threat model names tests that exist, and every threat has one."""

import re

import pytest

from tests.docs.pages import ROOT, read, rows, section

PAGE = read("security.md")
TABLES = ("### The door", "### The markets", "### The inside")
_KINDS = set("STRIDE")
_ACCEPTED = {"it can: see what remains"}


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:tests|deploy)/[^`]+|docker-compose\.yml)`", PAGE)))
)
def test_what_shows_it_is_there(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("title", TABLES)
def test_every_threat_has_a_kind_a_mitigation_and_what_shows_it(title):
    found = rows(section(PAGE, title))

    assert len(found) > 5
    for kind, threat, done, *shown in found:
        assert kind in _KINDS, threat
        assert done, threat
        assert (shown and shown[0]) or done in _ACCEPTED, threat


def test_every_kind_is_thought_of():
    kinds = {row[0] for title in TABLES for row in rows(section(PAGE, title))}

    assert kinds == _KINDS


def test_make_check_looks_for_dangerous_calls_and_audit_is_a_target_of_its_own():
    makefile = (ROOT / "Makefile").read_text()
    check = makefile.partition("\ncheck:")[2].partition("\n\n")[0]

    assert "bandit" in check
    assert "pip-audit" not in check
    assert "\naudit:" in makefile
