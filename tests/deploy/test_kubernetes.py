"""deploy/k8s: valid by the published schemas, and true of this Aurora."""

from typing import Any

import kubernetes_validate
import pytest

from aurora.settings import load_settings
from tests.deploy.files import IMAGE, ROOT, SERVICE_PATHS, SETTINGS, compose, read
from tests.deploy.kustomize import Resource, rendered

K8S = ROOT / "deploy/k8s"
STAGING = rendered(K8S / "overlays/staging")
LABEL = {"app": "aurora-router"}
KINDS = {
    "Namespace", "ServiceAccount", "ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy",
    "ServiceMonitor",
}  # fmt: skip
SECRET = {"DATABASE_URL", "SECRET_KEY", "AURORA_ADMIN_KEY"}


def the(kind: str) -> Resource:
    (found,) = [one for one in STAGING if one["kind"] == kind]
    return found


def pod() -> dict[str, Any]:
    return dict(the("Deployment")["spec"]["template"]["spec"])


def containers() -> list[dict[str, Any]]:
    return [*pod()["initContainers"], *pod()["containers"]]


def settings() -> dict[str, str]:
    return dict(the("ConfigMap")["data"])


@pytest.mark.parametrize("version", ["1.28.0", "1.37.0"])
@pytest.mark.parametrize("kind", sorted(KINDS - {"ServiceMonitor"}))
def test_each_resource_is_valid_by_kubernetes_own_schema(kind, version):
    kubernetes_validate.validate(the(kind), version, strict=True)


def test_there_is_one_of_each_kind_in_the_namespace():
    assert sorted(one["kind"] for one in STAGING) == sorted(KINDS)
    assert the("Namespace")["metadata"]["name"] == "aurora-staging"
    for one in STAGING:
        if one["kind"] != "Namespace":
            assert one["metadata"]["namespace"] == "aurora-staging", one["kind"]
            assert one["metadata"]["name"] == "aurora-router", one["kind"]
            assert one["metadata"]["labels"] == LABEL, one["kind"]


def test_everything_that_selects_selects_the_pods():
    deployment = the("Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        the("Service")["spec"]["selector"],
        the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(one["labelSelector"]["matchLabels"] for one in pod()["topologySpreadConstraints"]),
    ]
    for selector in selectors:
        assert selector == LABEL
        assert selector.items() <= labels.items()
    assert (
        the("ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
        <= the("Service")["metadata"]["labels"].items()
    )


def test_two_replicas_of_the_one_image_and_never_fewer_than_one():
    deployment = the("Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert the("PodDisruptionBudget")["spec"]["minAvailable"] == 1
    assert {one["image"] for one in containers()} == {IMAGE}


def test_the_service_leads_to_the_port_that_aurora_listens_on():
    (port,) = the("Service")["spec"]["ports"]
    (door,) = pod()["containers"][0]["ports"]
    assert (port["port"], port["targetPort"]) == (8080, door["name"])
    assert str(door["containerPort"]) == settings()["PORT"]
    assert settings()["HOST"] == "0.0.0.0"


@pytest.mark.parametrize(
    ("probe", "path"),
    [("startupProbe", "/health"), ("readinessProbe", "/ready"), ("livenessProbe", "/health")],
)
def test_probes_ask_what_the_app_answers_without_a_key(probe, path):
    (aurora,) = pod()["containers"]
    asked = aurora[probe]["httpGet"]
    assert asked == {"path": path, "port": aurora["ports"][0]["name"]}
    assert path in SERVICE_PATHS


def test_prometheus_scrapes_the_metrics_through_the_service():
    (endpoint,) = the("ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["path"] in SERVICE_PATHS
    assert endpoint["port"] in {one["name"] for one in the("Service")["spec"]["ports"]}
    assert the("ServiceMonitor")["apiVersion"] == "monitoring.coreos.com/v1"


def test_the_config_map_has_settings_only_and_no_secret():
    assert set(settings()) <= SETTINGS
    assert not set(settings()) & {
        name for name in SETTINGS if name.endswith(("_KEY", "_SECRET", "_PASSWORD"))
    }
    assert "DATABASE_URL" not in settings()


def test_with_the_secrets_it_is_a_whole_set_of_settings_for_live_mode():
    given = settings() | dict.fromkeys(SECRET, "x") | {"DATABASE_URL": "postgresql://aurora@db/aurora"}
    found = load_settings(None, **{key.lower(): value for key, value in given.items()})
    assert found.aurora_mode == "live"
    assert found.compat_port is None


def test_the_secret_is_named_and_nowhere_written():
    for one in containers():
        sources = {kind: ref["name"] for source in one["envFrom"] for kind, ref in source.items()}
        assert sources == {"configMapRef": "aurora-router", "secretRef": "aurora-router"}
    assert not [file for file in K8S.rglob("*.yaml") if "kind: Secret" in file.read_text()]


def test_the_schema_is_migrated_before_aurora_starts():
    (migrate,) = pod()["initContainers"]
    assert migrate["command"][:2] == ["aurora", "migrate"]
    assert pod()["containers"][0]["command"][:2] == ["aurora", "serve"]


def test_pods_can_do_no_more_than_they_must():
    user, _, group = compose()["x-image"]["user"].partition(":")
    assert pod()["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(group),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for one in containers():
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert one["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in one["resources"]["limits"]
    assert pod()["automountServiceAccountToken"] is False
    assert the("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_pod_has_time_to_finish_what_is_under_way():
    (aurora,) = pod()["containers"]
    before = float(aurora["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = float(settings()["DRAIN_TIMEOUT"])
    assert pod()["terminationGracePeriodSeconds"] >= before + drain + 10


def test_the_network_lets_in_callers_and_out_to_markets_only():
    policy = the("NetworkPolicy")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    (way_in,) = policy["ingress"]
    assert [port["port"] for port in way_in["ports"]] == ["http"]
    for way_out in policy["egress"]:
        assert way_out["ports"]
    markets = [one["to"][0]["ipBlock"] for one in policy["egress"] if "ipBlock" in one.get("to", [{}])[0]]
    assert [set(one["except"]) >= {"169.254.0.0/16", "10.0.0.0/8"} for one in markets] == [True]


def test_the_files_of_an_overlay_say_what_is_documented():
    assert "kubectl apply -k deploy/k8s/overlays/staging" in read("docs/operations.md")
