"""Names of GPUs: every market's spelling, every way users ask, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.errors import InvalidRequest
from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.gpu_table import GpuTable

FIXTURES = Path(__file__).parents[2] / "fixtures"
TABLE = GpuTable.load()

NOT_A_MODEL = {"Stable Diffusion Compatible"}
"""All names in the captured samples that do not map: Salad's class for any GPU fit for Stable Diffusion."""


def load(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def vast_rows() -> list[tuple[str, float]]:
    names = ("bundles_a100_2026-06-03.json", "bundles_rtx4090_2024-07-30.json")
    return [(row["gpu_name"], row["gpu_ram"]) for name in names for row in load(f"vastai/{name}")["offers"]]


def sample_models() -> list[tuple[str, GpuModel]]:
    """Every row of every captured sample that names a GPU."""
    found = [(name, TABLE.identify(name, vram_mb=ram)) for name, ram in vast_rows()]
    for vendor in load("akash/gpus.json").values():
        for device in vendor["devices"].values():
            size = float(device["memory_size"].removesuffix("Gi"))
            model = TABLE.identify(device["name"], vram_gb=size, interface=device["interface"])
            found.append((device["name"], model))
    for day in ("2024-11-14", "2025-09-22"):
        classes = load(f"salad/gpu-classes_{day}.json")["items"]
        found += [(item["name"], TABLE.identify(item["name"])) for item in classes]
    hardware = load("ionet/mcp_caas_get_hardware_ids_a.json")["result"]["data"]["data"]
    return found + [(row["hardware_name"], TABLE.identify(row["hardware_name"])) for row in hardware]


@pytest.mark.parametrize(
    ("raw", "mib", "name"),
    [
        ("A100 SXM4", 81920, "a100-sxm-80gb"),
        ("A100 SXM4", 40960, "a100-sxm-40gb"),
        ("A100 SXM4", 39936, "a100-sxm-40gb"),
        ("A100 PCIE", 81920, "a100-pcie-80gb"),
        ("H100 SXM", 81559, "h100-sxm-80gb"),
        ("H100 PCIE", 81559, "h100-pcie-80gb"),
        ("H100 NVL", 95830, "h100-nvl-94gb"),
        ("H200", 143771, "h200-141gb"),
        ("H200 NVL", 143771, "h200-nvl-141gb"),
        ("B200", 183359, "b200-180gb"),
        ("B300", 275040, "b300-288gb"),
        ("L40S", 46068, "l40s-48gb"),
        ("L4", 23034, "l4-24gb"),
        ("Tesla T4", 15360, "t4-16gb"),
        ("Tesla V100", 16384, "v100-16gb"),
        ("RTX 4090", 24564, "rtx4090-24gb"),
        ("RTX 4090", 49140, "rtx4090-48gb"),
        ("RTX 4090D", 24564, "rtx4090d-24gb"),
        ("RTX 5090", 32607, "rtx5090-32gb"),
        ("RTX 4070S", 12282, "rtx4070super-12gb"),
        ("RTX 4070S Ti", 16376, "rtx4070tisuper-16gb"),
        ("RTX 4070 Ti", 12282, "rtx4070ti-12gb"),
        ("RTX 3060 laptop", 6144, "rtx3060laptop-6gb"),
        ("GTX 1080 Ti", 11264, "gtx1080ti-11gb"),
        ("GTX 1660 S", 6144, "gtx1660super-6gb"),
        ("RTX PRO 6000 WS", 97887, "rtxpro6000-ws-96gb"),
        ("RTX PRO 6000 S", 97887, "rtxpro6000-server-96gb"),
        ("RTX 6000Ada", 49140, "rtx6000ada-48gb"),
        ("RTX A6000", 49140, "rtxa6000-48gb"),
        ("Q RTX 8000", 49152, "quadrortx8000-48gb"),
        ("Radeon VII", 16368, "radeonvii-16gb"),
        ("InstinctMI250X", 65520, "mi250x-64gb"),
    ],
)
def test_vast_names_with_measured_memory_become_the_model_as_sold(raw: str, mib: float, name: str) -> None:
    model = TABLE.identify(raw, vram_mb=mib)

    assert (model.name, model.known) == (name, True)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("H100 80GB HBM3", "h100-sxm-80gb"),
        ("A100-SXM4-80GB", "a100-sxm-80gb"),
        ("NVIDIA A100-PCIE-40GB", "a100-pcie-40gb"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie-80gb"),
        ("GeForce RTX 4090", "rtx4090-24gb"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "rtx4090laptop-16gb"),
        ("PRO 6000 BLACKWELL", "rtxpro6000-96gb"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "rtxpro6000-maxq-96gb"),
        ("6000 ADA", "rtx6000ada-48gb"),
        ("B300 SXM6 AC", "b300-288gb"),
        ("H100 80G PCIe", "h100-pcie-80gb"),
        ("NVIDIA RTX 4090", "rtx4090-24gb"),
        ("NVIDIA RTX 5090", "rtx5090-32gb"),
        ("NVIDIA H100 SXM5", "h100-sxm-80gb"),
        ("NVIDIA H200 SXM", "h200-sxm-141gb"),
        ("Tesla V100-SXM2-16GB", "v100-sxm-16gb"),
        ("NVIDIA GH200 480GB", "gh200-96gb"),
        ("RTX 4090 (24 GB)", "rtx4090-24gb"),
        ("8x A100 (40 GB PCIe)", "a100-pcie-40gb"),
        ("8x H100 NVL (94 GB)", "h100-nvl-94gb"),
        ("GTX 1070, 1080, 1080Ti (8 GB)", "gtx1070-8gb"),
        ("A100_80GB_SXM4", "a100-sxm-80gb"),
        ("H100 HGX (80GB)", "h100-sxm-80gb"),
        ("h100sxm", "h100-sxm-80gb"),
        ("t416gb", "t4-16gb"),
        ("A100", "a100"),
        ("H100", "h100"),
    ],
)
def test_names_of_other_markets_and_drivers_say_form_and_memory_themselves(raw: str, name: str) -> None:
    assert TABLE.identify(raw).name == name


def test_akash_names_take_memory_and_interface_from_their_own_fields() -> None:
    assert TABLE.identify("h100", vram_gb=80, interface="SXM5").name == "h100-sxm-80gb"
    assert TABLE.identify("h200nvl", vram_gb=141, interface="PCIe").name == "h200-nvl-141gb"
    assert TABLE.identify("rtx4090", vram_gb=24, interface="PCIe").name == "rtx4090-24gb"


def test_at_least_98_percent_of_all_sample_rows_map_and_the_rest_is_listed() -> None:
    models = sample_models()
    unknown = [raw for raw, model in models if not model.known]

    assert len(models) > 150
    assert set(unknown) == NOT_A_MODEL
    assert len(unknown) <= 0.02 * len(models)


@pytest.mark.parametrize(("raw", "mib"), vast_rows())
def test_every_vast_sample_row_maps_with_its_memory(raw: str, mib: float) -> None:
    model = TABLE.identify(raw, vram_mb=mib)

    assert model.known
    assert model.vram_gb in {24, 40, 80}


def test_super_d_ti_and_laptop_variants_are_families_of_their_own() -> None:
    names = [
        "RTX 4070",
        "RTX 4070S",
        "RTX 4070 Ti",
        "RTX 4070S Ti",
        "RTX 4070 laptop",
        "RTX 4090",
        "RTX 4090D",
    ]

    assert len({TABLE.identify(name).family for name in names}) == len(names)


def test_an_unknown_name_is_kept_with_its_memory() -> None:
    assert TABLE.identify("Emu X9000", vram_mb=65536) == GpuModel("emu-x9000", None, 64, known=False)
    assert TABLE.identify("").family == "unknown"


@given(st.text(max_size=80), st.floats(0, 1e9) | st.none())
def test_no_name_breaks_the_reader(raw: str, mib: float | None) -> None:
    model = TABLE.identify(raw, vram_mb=mib)

    assert 0 < len(model.family) <= 48


@pytest.mark.parametrize("family", TABLE.families)
def test_every_product_is_found_under_its_own_name_and_asked_for_by_its_canonical_one(family: str) -> None:
    for size in TABLE.sizes(family):
        model = TABLE.identify(family, vram_gb=size)

        assert (model.family, model.vram_gb, model.known) == (family, size, True)
        assert TABLE.parse_query(model.name).matches(model)
        assert TABLE.parse_query(family).matches(model)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a100", GpuQuery("a100")),
        ("A100", GpuQuery("a100")),
        ("a100-80gb", GpuQuery("a100", None, 80)),
        ("a100 80", GpuQuery("a100", None, 80)),
        ("a10040gb", GpuQuery("a100", None, 40)),
        ("a100-sxm-80gb", GpuQuery("a100", "sxm", 80)),
        ("A100 80GB SXM", GpuQuery("a100", "sxm", 80)),
        ("4090", GpuQuery("rtx4090")),
        ("rtx4090", GpuQuery("rtx4090")),
        ("rtx 4090", GpuQuery("rtx4090")),
        ("RTX_4090", GpuQuery("rtx4090")),
        ("geforce rtx 4090", GpuQuery("rtx4090")),
        ("4070 ti super", GpuQuery("rtx4070tisuper")),
        ("h100", GpuQuery("h100")),
        ("h100-nvl", GpuQuery("h100", "nvl")),
        ("t4", GpuQuery("t4")),
        ("tesla-t4", GpuQuery("t4")),
        ("t4 pcie", GpuQuery("t4")),
        ("l40s", GpuQuery("l40s")),
        ("a6000", GpuQuery("rtxa6000")),
        ("rtx a6000", GpuQuery("rtxa6000")),
        ("pro 6000", GpuQuery("rtxpro6000")),
        ("rtx pro 6000 server", GpuQuery("rtxpro6000", "server")),
        ("6000 ada", GpuQuery("rtx6000ada")),
        ("  h200  ", GpuQuery("h200")),
    ],
)
def test_users_may_spell_a_gpu_as_they_like(text: str, query: GpuQuery) -> None:
    assert TABLE.parse_query(text) == query


def test_a_family_matches_every_variant_and_a_variant_only_itself() -> None:
    models = [TABLE.identify("A100 SXM4", vram_gb=80), TABLE.identify("A100 PCIE", vram_gb=40)]

    assert [TABLE.parse_query("a100").matches(model) for model in models] == [True, True]
    assert [TABLE.parse_query("a100-80gb").matches(model) for model in models] == [True, False]
    assert [TABLE.parse_query("a100-pcie").matches(model) for model in models] == [False, True]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("rtx6090", "rtx4090"),
        ("a10000", "a100"),
        ("h1000", "h100"),
        ("l40x", "l40"),
        ("quantum", "a100"),
        ("a100-60gb", "a100-80gb"),
        ("rtx4090-sxm", "pcie"),
    ],
)
def test_an_unknown_gpu_is_refused_with_the_nearest_names(text: str, near: str) -> None:
    with pytest.raises(InvalidRequest, match=near) as refused:
        TABLE.parse_query(text)

    assert refused.value.field == "gpu_type"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a100'; DROP TABLE offers;--",
        "a100\x00",
        "a100\n",
        "a100 OR 1=1",
        "a" * 65,
        "🎮",
        "<b>a100</b>",
        "%",
    ],
)
def test_injections_and_control_characters_get_the_same_clean_refusal(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        TABLE.parse_query(text)

    assert refused.value.field == "gpu_type"
    assert refused.value.detail.isprintable()


def test_a_family_that_only_the_catalogue_has_can_be_asked_for() -> None:
    model = TABLE.identify("Emu X9000", vram_mb=65536)

    assert TABLE.parse_query("emu x9000", also={model.family}).matches(model)
    assert TABLE.parse_query("Emu X9000 64GB", also={model.family}).matches(model)
    with pytest.raises(InvalidRequest):
        TABLE.parse_query("emu x9000")


def test_facts_are_there_for_what_the_markets_sell_most() -> None:
    spec = TABLE.spec(GpuModel("a100", "sxm", 80))

    assert spec is not None
    assert (spec.name, spec.bandwidth_gb_s, spec.tdp_w, spec.fp32_tflops) == (
        "A100 SXM4 80 GB",
        2040,
        400,
        19.49,
    )
    assert str(spec.released) == "2020-11-16"
    for family in ("h100", "h200", "l40s", "t4", "rtx3090", "rtx4090", "rtx5090", "rtxa6000"):
        found = TABLE.spec(GpuModel(family))
        assert found is not None
        assert found.fp16_tflops, family
        assert found.bandwidth_gb_s, family
    assert TABLE.spec(GpuModel("emu-x9000")) is None
