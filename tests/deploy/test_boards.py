"""The boards are whole: what a person needs to read them is there, and they ask only for what there is.

That every query has a sample after the end-to-end run is shown in tests/e2e/test_first_light.py.
"""

import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from aurora.telemetry.documented import DOCUMENTED, MetricType
from tests.deploy.boards import ROOT, boards, load, panels, queries, without_a_sample
from tests.deploy.promql import names

WANTED = {
    "Request rate",
    "Provider selection",
    "Routing latency",
    "Failures by reason",
    "Provider health",
    "Breaker states",
    "Limiter utilisation",
    "Cache",
    "Sync completeness",
    "Age of the data",
    "Active deployments",
    "Spend",
    "Learned against rules",
    "Event loop lag",
    "Database connections",
}
KINDS = {"stat", "timeseries", "state-timeline", "table"}
each_board = pytest.mark.parametrize("path", boards(), ids=lambda path: path.name)
each_query = pytest.mark.parametrize("query", queries(), ids=str)


def samples() -> set[str]:
    """Every name that a sample of ours can have."""
    found = set()
    for spec in DOCUMENTED:
        endings = ("_bucket", "_sum", "_count") if spec.type is MetricType.HISTOGRAM else ("",)
        found |= {spec.name + ending for ending in endings}
    return found


def test_the_board_shows_what_an_operator_asks_first():
    [path] = boards()

    assert {panel["title"] for panel in panels(load(path))} >= WANTED


@each_board
def test_every_panel_says_what_it_shows_in_which_unit_and_where_it_gets_it(path: Path):
    board = load(path)
    for panel in panels(board):
        if panel["type"] == "row":
            continue
        assert panel["type"] in KINDS, panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]
        for target in panel["targets"]:
            assert (
                target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            )
            assert target["legendFormat"] or panel["type"] in {"stat", "table"}, panel["title"]


@each_board
def test_panels_have_their_own_number_and_place(path: Path):
    found = list(panels(load(path)))
    places = {panel["id"]: panel["gridPos"] for panel in found}

    assert len(places) == len(found)
    assert all(place["x"] + place["w"] <= 24 for place in places.values())
    for one, other in combinations(places.values(), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@each_board
def test_variables_are_asked_from_metrics_that_exist_and_are_used(path: Path):
    board = load(path)
    text = path.read_text(encoding="utf-8")
    variables = board["templating"]["list"]

    assert [one["name"] for one in variables] == ["datasource", "provider", "gpu"]
    for one in variables[1:]:
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", one["definition"]).groups()
        [spec] = [spec for spec in DOCUMENTED if spec.name == metric]
        assert label in spec.labels
        assert f"${one['name']}" in text.replace(one["definition"], "")


@each_query
def test_a_query_is_promql_over_documented_metrics(query):
    assert names(query.filled) <= samples()


@each_query
def test_a_query_names_only_labels_that_its_metrics_have(query):
    known = {spec.name: set(spec.labels) for spec in DOCUMENTED}
    there = {"instance", "job", "le"}.union(
        *(known[re.sub(r"_(bucket|sum|count)$", "", name)] for name in names(query.filled))
    )
    used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query.filled))
    used |= {label for group in re.findall(r"\bby \(([^)]*)\)", query.filled) for label in group.split(", ")}

    assert used <= there


def test_a_board_that_asks_for_nothing_is_found_out():
    page = 'aurora_route_requests_total{provider="vastai",status="provisioning"} 1\n'

    empty = without_a_sample(page, page)

    assert len(empty) == len(queries()) - 2, "the request rate and the provider selection have one"


def test_the_provisioned_data_source_and_folder_fit_the_boards():
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]

    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert {load(path)["uid"] for path in boards()} == {"aurora"}
