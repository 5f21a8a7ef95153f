"""Adding a market touches its own folder, settings, emulator and documents, and nothing else of the product.

Shown on the two that came last: their names stand nowhere else. And the rest of the product learns of a market from its
folder: no other list of markets has to be kept.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora.providers.brand import Brand
from aurora.providers.brands import brand_of, market_names
from aurora.settings import PROVIDERS, Settings

ROOT = Path(__file__).parents[3]
PRODUCT = ("backend", "config", "deploy", "migrations", "Dockerfile", "Makefile", "pyproject.toml")
LAST = ("aethir", "flux")
OWN = (
    "backend/aurora/providers/{name}/",
    "backend/aurora/emulators/",  # its emulator: what it sells, and under which prefix
    "backend/aurora/settings.py",
    "config/providers.yaml",  # settings too: what users edit
)
ALSO_SETTINGS = (".env.example", "docker-compose.yml")
OTHERS_DOCUMENT = "backend/aurora/providers/gateway/QUALITY.md"
"""What the gateways' adapter covers, and for whom."""


def files() -> Iterator[Path]:
    for part in PRODUCT:
        found = ROOT / part
        yield from [found] if found.is_file() else found.rglob("*")


def naming(name: str) -> set[str]:
    """Files of the product with the market's name in them or in their path, upper case (settings) included."""
    said = re.compile(rf"(?<![a-z]){name}", re.IGNORECASE)
    found = set()
    for file in files():
        path = str(file.relative_to(ROOT))
        if not file.is_file() or "__pycache__" in path:
            continue
        text = "" if file.suffix == ".gz" else file.read_text(encoding="utf-8")
        if said.search(path) or said.search(text):
            found.add(path)
    return found


@pytest.mark.parametrize("name", LAST)
def test_a_market_is_named_in_its_own_places_only(name):
    own = tuple(place.format(name=name) for place in OWN)
    found = naming(name) - {OTHERS_DOCUMENT}

    assert {path for path in found if not path.startswith(own)} == set()
    assert all(any(path.startswith(place) for path in found) for place in own), (
        "a place that names it no more"
    )


@pytest.mark.parametrize("name", LAST)
def test_its_settings_are_listed_where_settings_are(name):
    for file in ALSO_SETTINGS:
        listed = set(
            re.findall(rf"^\s*({name.upper()}_[A-Z_]+)[=:]", (ROOT / file).read_text(), re.MULTILINE)
        )
        assert listed == {each.upper() for each in Settings.model_fields if each.startswith(f"{name}_")}, file


def test_every_folder_with_a_brand_is_a_market_with_settings():
    assert sorted(PROVIDERS) == list(market_names())
    assert all(isinstance(brand_of(name), Brand) and brand_of(name).name == name for name in PROVIDERS)
