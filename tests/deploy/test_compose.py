"""docker-compose.yml: what it runs, as whom, and who reaches it. That it runs is shown in docs/operations.md."""

import re
from typing import Any

import pytest

from aurora.settings import Mode, load_settings
from tests.deploy.files import IMAGE, SERVICE_PATHS, SETTINGS, compose, filled, read, variables

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
AURORAS = ("aurora", "aurora-2")
WITHOUT_HEALTHCHECK = {
    "migrate": "runs once and ends; its exit code is what the others wait for",
    "pod": "waits for a signal and does nothing else",
}
AS_ROOT = {"postgres": "its entrypoint gives the data to the user postgres and becomes that user"}
NOT_SETTINGS = {"POSTGRES_PASSWORD", "REPLICA_PORT"}
OUR_VARIABLES = SETTINGS - {"CONFIG_DIR"}
"""CONFIG_DIR stays the image's own."""

services = pytest.mark.parametrize("name", sorted(SERVICES))
replicas = pytest.mark.parametrize("name", AURORAS)


def environment(name: str, **given: str) -> dict[str, str]:
    """What the container gets when `.env` says so."""
    return {key: filled(str(value), given) for key, value in SERVICES[name]["environment"].items()}


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


@replicas
def test_every_setting_can_be_given_and_nothing_else_is(name):
    assert set(SERVICES[name]["environment"]) == OUR_VARIABLES


def test_nothing_is_taken_from_the_environment_but_settings():
    assert variables(read("docker-compose.yml")) <= OUR_VARIABLES | NOT_SETTINGS


@replicas
def test_what_the_container_gets_is_a_whole_set_of_settings(name):
    given = environment(name)
    settings = load_settings(None, **{key.lower(): value for key, value in given.items()})

    assert settings.aurora_mode is Mode.EMULATED
    assert settings.secret_key is None  # the emulated mode makes its own; live mode insists on one
    assert settings.database_url.get_secret_value().startswith("postgresql://")
    assert settings.emulator_url.startswith("http://127.0.0.1:")
    assert settings.drain_timeout + 10 < seconds(SERVICES[name]["stop_grace_period"])


@replicas
def test_the_env_file_switches_to_live(name):
    given = environment(name, AURORA_MODE="live", SECRET_KEY="long", VASTAI_API_KEY="key", PORT="9999")
    settings = load_settings(None, **{key.lower(): value for key, value in given.items()})

    assert settings.aurora_mode is Mode.LIVE
    assert settings.vastai_api_key is not None
    assert settings.port in {8080, 8081}  # PORT is the one that is published
    live = environment("postgres", AURORA_MODE="live")["PGDATA"]
    assert live != environment("postgres")["PGDATA"]


@services
def test_ports_are_published_on_this_machine_only(name):
    for port in SERVICES[name].get("ports", ()):
        assert filled(port, {}).startswith("127.0.0.1:"), port


@services
def test_a_service_says_how_it_is_or_why_not(name):
    check = SERVICES[name].get("healthcheck")
    assert (check is None) == (name in WITHOUT_HEALTHCHECK)
    if check is not None:
        assert check["test"][0] in {"CMD", "CMD-SHELL"}
        assert seconds(check["timeout"]) < 10


@replicas
def test_the_healthcheck_asks_the_apps_own_readiness(name):
    (url,) = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", " ".join(SERVICES[name]["healthcheck"]["test"]))
    assert url == (SERVICES[name]["environment"]["PORT"], "/ready")
    assert "/ready" in SERVICE_PATHS


@services
def test_no_service_can_do_more_than_it_must(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    user = service.get("user", "0").partition(":")[0]
    assert (user in {"0", "root"}) == (name in AS_ROOT)
    assert bool(service.get("cap_add")) == (name in AS_ROOT)


@services
def test_what_ends_comes_again_but_the_migration(name):
    assert SERVICES[name]["restart"] == ("no" if name == "migrate" else "unless-stopped")


@services
def test_no_log_fills_the_disk(name):
    assert {"max-size", "max-file"} <= set(SERVICES[name]["logging"]["options"])


@replicas
def test_aurora_waits_for_the_schema_and_the_markets(name):
    conditions = {other: wanted["condition"] for other, wanted in SERVICES[name]["depends_on"].items()}
    assert conditions["migrate"] == "service_completed_successfully"
    assert conditions["emulators"] == "service_healthy"
    # Named itself: what only the migration waits for would be stopped beside Aurora, which still has to write.
    assert conditions["postgres"] == "service_healthy"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", [*AURORAS, "emulators"])
def test_aurora_and_the_emulators_share_a_network_that_neither_of_them_holds(name):
    assert SERVICES[name]["network_mode"] == "service:pod"
    assert "ports" not in SERVICES[name]
    assert {filled(port, {}).rpartition(":")[2] for port in SERVICES["pod"]["ports"]} == {
        "8080",
        "8081",
        "9100",
    }


def test_the_records_outlive_the_containers():
    volumes = set(compose()["volumes"])
    (data,) = SERVICES["postgres"]["volumes"]
    name, _, folder = data.partition(":")
    assert name in volumes
    assert environment("postgres")["PGDATA"].startswith(f"{folder}/")
    assert "state:/app/var" in SERVICES["aurora"]["volumes"]


def test_profiles_are_for_what_not_everybody_needs():
    profiles = {name: service.get("profiles") for name, service in SERVICES.items()}
    assert {name for name, found in profiles.items() if found == ["observability"]} == {
        "prometheus",
        "grafana",
    }
    assert {name for name, found in profiles.items() if found == ["replicas"]} == {"aurora-2"}
    assert profiles["aurora"] is None


def test_ours_is_one_image_and_the_others_are_pinned():
    for service in SERVICES.values():
        name, _, tag = service["image"].partition(":")
        assert tag
        assert tag != "latest"
        if name.startswith("vaultmesh/"):
            assert service["image"] == IMAGE
            assert service["build"]["context"] == "."


def test_the_file_is_read_by_the_old_docker_compose_too():
    """1.29 knows no conditional env_file, no `include`, no `depends_on: required`, and refuses the whole file."""
    assert {key for key in compose() if not key.startswith("x-")} == {"services", "volumes"}
    for service in SERVICES.values():
        assert "env_file" not in service
        for wanted in service.get("depends_on", {}).values():
            assert set(wanted) == {"condition"}
        assert "start_interval" not in service.get("healthcheck", {})


@pytest.mark.parametrize("name", [*AURORAS, "emulators"])
def test_whoever_is_in_the_pod_is_made_anew_with_it(name):
    """docker-compose 1.29 would leave it in a network that is gone."""
    taken = {found for port in SERVICES["pod"]["ports"] for found in variables(port)}
    assert taken == variables(SERVICES[name]["labels"]["aurora.pod"])
    assert "environment" not in SERVICES["pod"]
