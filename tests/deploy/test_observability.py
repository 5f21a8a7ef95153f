"""deploy/prometheus and deploy/grafana fit the compose file that mounts them."""

from typing import Any

import yaml

from tests.deploy.files import ROOT, SERVICE_PATHS, compose, read

SERVICES: dict[str, dict[str, Any]] = compose()["services"]


def prometheus() -> dict[str, Any]:
    return dict(yaml.safe_load(read("deploy/prometheus/prometheus.yml")))


def mounts(name: str) -> dict[str, str]:
    """Folder of the repository -> folder in the container."""
    pairs = (volume.split(":") for volume in SERVICES[name]["volumes"] if volume.startswith("./"))
    return {source.removeprefix("./"): target for source, target, *_ in pairs}


def test_prometheus_loads_the_alert_rules():
    for name in prometheus()["rule_files"]:
        assert (ROOT / "deploy/prometheus" / name).is_file()
    assert mounts("prometheus")["deploy/prometheus"] == "/etc/prometheus"
    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]


def test_prometheus_scrapes_aurora_under_the_name_that_its_network_has():
    (job,) = [one for one in prometheus()["scrape_configs"] if one["job_name"] == "aurora"]
    assert job.get("metrics_path", "/metrics") in SERVICE_PATHS
    hosts = {target.rpartition(":")[0] for one in job["static_configs"] for target in one["targets"]}
    assert hosts <= set(SERVICES["pod"]["networks"]["default"]["aliases"])
    ports = {target.rpartition(":")[2] for one in job["static_configs"] for target in one["targets"]}
    assert ports == {SERVICES["aurora"]["environment"]["PORT"]}


def test_grafana_asks_this_prometheus_and_shows_the_boards_of_the_repository():
    sources = yaml.safe_load(read("deploy/grafana/provisioning/datasources/prometheus.yaml"))
    (source,) = sources["datasources"]
    assert source["uid"] == "prometheus"
    assert source["isDefault"]
    assert source["url"] == "http://prometheus:9090"
    folders = mounts("grafana")
    assert folders["deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    (boards,) = yaml.safe_load(read("deploy/grafana/provisioning/dashboards/aurora.yaml"))["providers"]
    assert boards["options"]["path"] == folders["deploy/grafana/dashboards"]


def test_nobody_can_change_a_board_or_log_in():
    given = SERVICES["grafana"]["environment"]
    assert given["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert given["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
