"""The Grafana boards as the tests read them."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.promql import Store, evaluate

ROOT = Path(__file__).parents[2]
BOARDS = ROOT / "deploy" / "grafana" / "dashboards"
SCRAPED_EVERY_S = 15.0
_VARIABLES = {"$provider": ".+", "$gpu": ".+", "$__rate_interval": "1m"}
"""As Grafana fills them in when All is chosen, at the scrape interval of deploy/prometheus/prometheus.yml."""


@dataclass(frozen=True)
class Query:
    """One expression of one panel."""

    board: str
    panel: str
    expr: str

    def __str__(self) -> str:
        return f"{self.board}: {self.panel}: {self.expr}"

    @property
    def filled(self) -> str:
        """With the variables' values; nothing is left open."""
        text = self.expr
        for name, value in _VARIABLES.items():
            text = text.replace(name, value)
        assert not re.search(r"\$\w", text), text
        return text


def boards() -> list[Path]:
    return sorted(BOARDS.glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, also those in collapsed rows."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])


def queries() -> list[Query]:
    return [
        Query(path.name, panel["title"], target["expr"])
        for path in boards()
        for panel in panels(load(path))
        for target in panel.get("targets", [])
    ]


def without_a_sample(before: str, after: str) -> list[str]:
    """The queries that show nothing to somebody who looks when Prometheus has scraped these two pages."""
    store = Store()
    for at, page in ((0.0, before), (SCRAPED_EVERY_S, after)):
        store.scrape(page, at=at, instance="aurora:8080", job="aurora")
    return [
        str(query)
        for query in queries()
        if all(math.isnan(value) for _, value in evaluate(query.filled, store, at=SCRAPED_EVERY_S))
    ]
