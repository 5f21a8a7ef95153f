"""Reading of the data sets that ship with the emulators (sources and licences: seed/ATTRIBUTION.md)."""

import csv
import gzip
import io
import json
from importlib.resources import files
from typing import Any


def table(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file of the seed, gzipped or not."""
    return list(csv.DictReader(io.StringIO(_text(name))))


def document(name: str) -> Any:
    """A JSON file of the seed, gzipped or not."""
    return json.loads(_text(name))


def _text(name: str) -> str:
    data = (files("aurora.emulators") / "seed" / name).read_bytes()
    return (gzip.decompress(data) if name.endswith(".gz") else data).decode()
