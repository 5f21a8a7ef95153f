"""Which promises are tested on which market: all of them, but what its QUALITY.md is exempt from."""

import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from aurora.conformance.rules import RULES
from tests.conformance.description import HERE, Description

ROOT = HERE.parents[1]
PROVIDERS = ROOT / "backend" / "aurora" / "providers"
_ROW = re.compile(r"\| `(?P<rule>[a-z-]+)` \| (?P<state>[a-z]+)(?:: (?P<why>[^|]*))? \|", re.MULTILINE)


def quality(folder: Path) -> dict[str, tuple[str, str]]:
    """State and reason of every kit rule that a QUALITY.md names."""
    text = (folder / "QUALITY.md").read_text(encoding="utf-8")
    return {row["rule"]: (row["state"], (row["why"] or "").strip()) for row in _ROW.finditer(text)}


def exempt(described: Description) -> frozenset[str]:
    states = quality(PROVIDERS / described.folder)
    return frozenset(rule for rule, (state, _) in states.items() if state == "exempt")


def descriptions() -> tuple[Description, ...]:
    """Of every module in `markets/`."""
    names = sorted(file.stem for file in (HERE / "markets").glob("*.py") if file.stem != "__init__")
    modules = [import_module(f"tests.conformance.markets.{name}") for name in names]
    return tuple(each for module in modules for each in module.DESCRIPTIONS)


DESCRIPTIONS = descriptions()


def promise(*rules: str, emulated: bool = False) -> Callable[[Any], Any]:
    """The test shows these rules, on every market that is exempt from none of them. `emulated`: it needs an emulator."""
    assert set(rules) <= set(RULES), rules

    def decorate(test: Any) -> Any:
        bound = [
            each for each in DESCRIPTIONS if not exempt(each) & set(rules) and (each.emulated or not emulated)
        ]
        test.promises = rules
        return pytest.mark.parametrize("described", bound, ids=str)(test)

    return decorate


def known_offers(described: Description) -> dict[str, Any]:
    """The table worked out by hand."""
    found: dict[str, Any] = json.loads(
        (HERE / "known_offers" / f"{described.known}.json").read_text(encoding="utf-8")
    )
    return found
