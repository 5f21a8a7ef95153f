"""The files that put Aurora on a machine or a cluster, read as their tools read them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from aurora.api.routes import service
from aurora.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "vaultmesh/aurora-router:v1.0.0"
SETTINGS = frozenset(name.upper() for name in Settings.model_fields)
SERVICE_PATHS = frozenset(getattr(route, "path", "") for route in service.router.routes)
"""Paths of the app that probes and scrapers may ask."""

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


def read(path: str) -> str:
    return (ROOT / path).read_text()


def compose() -> dict[str, Any]:
    """docker-compose.yml with its anchors resolved and its variables as they are."""
    return dict(yaml.safe_load(read("docker-compose.yml")))


def variables(text: str) -> set[str]:
    """What a text takes from `.env` or the environment."""
    return {found["name"] for found in _VARIABLE.finditer(text)}


def filled(text: str, given: Mapping[str, str]) -> str:
    """The text with its variables replaced, as compose does it: an empty one counts as absent."""
    return _VARIABLE.sub(lambda found: given.get(found["name"]) or found["default"] or "", text).replace(
        "$$", "$"
    )


def env_file(text: str) -> dict[str, str]:
    """NAME=value lines."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}
