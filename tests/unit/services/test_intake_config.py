from decimal import Decimal
from pathlib import Path

import pytest

from aurora.domain.gpu_table import GpuTable
from aurora.domain.request import Weights, WorkloadType
from aurora.services.config_section import ConfigError
from aurora.services.provider_config import ProviderConfig, ProvidersConfig
from aurora.services.router_config import RouterConfig, RouterMode
from aurora.services.workload_templates import WorkloadTemplates

SHIPPED = Path(__file__).parents[3] / "config"
LOADERS = {
    "router.yaml": RouterConfig,
    "workloads.yaml": WorkloadTemplates,
    "providers.yaml": ProvidersConfig,
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(("name", "kind"), LOADERS.items())
def test_the_shipped_files_say_what_is_built_in(name, kind):
    assert kind.load(SHIPPED / name) == kind()


@pytest.mark.parametrize(("name", "kind"), LOADERS.items())
def test_a_missing_or_empty_file_means_the_built_in_values(name, kind, config):
    assert kind.load(config / name) == kind()
    (config / name).write_text("# nothing\n")
    assert kind.load(config / name) == kind()


def test_what_the_router_file_says_is_used(config):
    (config / "router.yaml").write_text(
        "mode: hybrid\nai_rollout_percentage: 12.5\ndefaults: {max_price: 2.5}\n"
        "weights: {price: 1}\nlimits: {max_gpu_count: 8}\n"
    )

    found = RouterConfig.load(config / "router.yaml")

    assert (found.mode, found.ai_rollout_percentage) == (RouterMode.HYBRID, 12.5)
    assert (found.defaults.max_price, found.defaults.max_latency_ms) == (Decimal("2.5"), 500.0)
    assert found.weights == Weights(1.0, 0.0, 0.0, 0.0, 0.0)
    assert (found.limits.max_gpu_count, found.limits.max_gpu_hours) == (8, Decimal(10_000))


def test_a_template_may_be_changed_in_part(config):
    (config / "workloads.yaml").write_text("rendering: {image: acme/render:2, ports: [80, 53/udp]}\n")

    found = WorkloadTemplates.load(config / "workloads.yaml")

    rendering = found.of(WorkloadType.RENDERING)
    assert (rendering.image, rendering.ports, rendering.disk_gb) == ("acme/render:2", ("80", "53/udp"), 32.0)
    assert found.of(WorkloadType.GENERAL) == WorkloadTemplates().of(WorkloadType.GENERAL)


def test_a_market_may_be_changed_in_part(config):
    (config / "providers.yaml").write_text("vastai: {enabled: false}\nakash: {initial_reputation: 90}\n")

    found = ProvidersConfig.load(config / "providers.yaml")

    assert (found.of("vastai").enabled, found.of("vastai").initial_reputation) == (False, 86.0)
    assert (found.reputations["vastai"], found.reputations["akash"]) == (86.0, 90.0)
    assert found.of("nobody") == ProviderConfig()


def test_templates_prefer_gpus_that_our_table_knows():
    known = set(GpuTable.load().families)

    for template in WorkloadTemplates().by_type.values():
        assert set(template.preferred_gpus) <= known


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("router.yaml", "mode: clever", "config/router.yaml: mode: must be one of rule-based, ai, hybrid"),
        ("router.yaml", "ai_rollout_percentage: 101", "config/router.yaml: ai_rollout_percentage: "),
        ("router.yaml", "defaults: {max_prise: 3}", "config/router.yaml: defaults.max_prise: unknown key"),
        ("router.yaml", "defaults: {max_price: 0}", "config/router.yaml: defaults.max_price: "),
        ("router.yaml", "defaults: {max_price: .nan}", "config/router.yaml: defaults.max_price: "),
        ("router.yaml", "defaults: {max_price: 5 USD}", "config/router.yaml: defaults.max_price: "),
        ("router.yaml", "defaults: {min_reputation: .nan}", "config/router.yaml: defaults.min_reputation: "),
        ("router.yaml", "defaults: {policy: best}", "config/router.yaml: defaults.policy: "),
        ("router.yaml", "defaults: [1]", "config/router.yaml: defaults: must be a mapping"),
        (
            "router.yaml",
            "limits: {max_price: 1}",
            "config/router.yaml: defaults.max_price: is above limits.max_price (1)",
        ),
        ("router.yaml", "limits: {max_gpu_hours: 0.5}", "config/router.yaml: defaults.gpu_hours: is above"),
        ("router.yaml", "limits: {max_gpu_count: 1.5}", "config/router.yaml: limits.max_gpu_count: "),
        ("router.yaml", "weights: {price: 0}", "config/router.yaml: weights.price: at least one"),
        ("router.yaml", "weights: {price: -1}", "config/router.yaml: weights.price: must be"),
        ("router.yaml", "weights: {prise: 1}", "config/router.yaml: weights.prise: unknown key"),
        ("router.yaml", "a: [", "config/router.yaml: line 1: not valid YAML"),
        ("router.yaml", "- 1", "config/router.yaml: must be a mapping of keys to values"),
        ("workloads.yaml", "gaming: {}", "config/workloads.yaml: gaming: unknown key"),
        ("workloads.yaml", "general: {image: 'a b'}", "config/workloads.yaml: general.image: "),
        ("workloads.yaml", "general: {ports: [99999]}", "config/workloads.yaml: general.ports: "),
        ("workloads.yaml", "general: {ports: 80}", "config/workloads.yaml: general.ports: must be a list"),
        ("workloads.yaml", "general: {disk_gb: 0}", "config/workloads.yaml: general.disk_gb: "),
        (
            "workloads.yaml",
            "general: {preferred_gpus: [[1]]}",
            "config/workloads.yaml: general.preferred_gpus: ",
        ),
        ("providers.yaml", "vastia: {enabled: false}", "config/providers.yaml: vastia: unknown key"),
        (
            "providers.yaml",
            "vastai: {enabled: maybe}",
            "config/providers.yaml: vastai.enabled: must be true or false",
        ),
        ("providers.yaml", "vastai: {api_url: console}", "config/providers.yaml: vastai.api_url: must start"),
        (
            "providers.yaml",
            "vastai: {initial_reputation: 200}",
            "config/providers.yaml: vastai.initial_reputation: ",
        ),
        ("providers.yaml", "vastai: {default_region: ''}", "config/providers.yaml: vastai.default_region: "),
    ],
)
def test_a_wrong_file_is_one_line_naming_file_and_key(name, text, complaint, config):
    (config / name).write_text(text)

    with pytest.raises(ConfigError) as caught:
        LOADERS[name].load(config / name)

    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(config):
    (config / "router.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match=r"^config/router\.yaml: cannot be read"):
        RouterConfig.load(config / "router.yaml")
