"""A request survives the database exactly, its secrets apart."""

import json
from dataclasses import fields, replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.gpu import GpuQuery
from aurora.domain.request import ComputeRequest, OnInterruption, Weights, Workload, WorkloadType
from aurora.services.request_record import from_record, to_record

number = st.floats(0, 1e6)
amount = st.decimals(min_value="0.000000001", max_value=10**6, places=9)
names = st.frozensets(st.sampled_from(["vastai", "akash", "flux"]))
texts = st.text(max_size=20)

workloads = st.builds(
    Workload,
    image=texts,
    command=st.lists(texts, max_size=3).map(tuple),
    env=st.dictionaries(texts, texts, max_size=3),
    ports=st.lists(st.sampled_from(["8080", "53/udp"]), max_size=2).map(tuple),
    disk_gb=number,
    registry_login=st.none() | texts,
)
parts = {
    "workload_type": st.sampled_from(WorkloadType),
    "gpu": st.builds(
        GpuQuery,
        family=st.sampled_from(["a100", "h100"]),
        form=st.sampled_from([None, "sxm", "pcie"]),
        vram_gb=st.sampled_from([None, 40, 80]),
    ),
    "gpu_count": st.integers(1, 64),
    "gpu_hours": amount,
    "max_price": amount,
    "max_latency_ms": number,
    "min_reputation": number,
    "region": st.sampled_from(["global", "us-west"]),
    "home_region": st.sampled_from(["us-east", "eu-central"]),
    "weights": st.builds(Weights, *[number] * 5),
    "workload": workloads,
    "max_total_cost": st.none() | amount,
    "min_vram_gb": st.none() | number,
    "min_g_score": st.none() | number,
    "providers": names,
    "exclude_providers": names,
    "spot": st.booleans(),
    "allow_larger": st.booleans(),
    "policy": st.sampled_from(["balanced", "seed-v1"]),
    "max_attempts": st.integers(1, 10),
    "on_interruption": st.sampled_from(OnInterruption),
    "tenant": texts,
    "seed": st.integers(0, 2**63 - 1),
}
"""How each field of a request varies."""
requests = st.builds(ComputeRequest, **parts)


@given(requests)
def test_a_request_comes_back_through_json_without_its_secrets_only(request):
    record = json.loads(json.dumps(to_record(request)))

    bare = replace(request.workload, env={}, registry_login=None)
    assert from_record(record) == replace(request, workload=bare)


@given(requests)
def test_no_secret_value_is_in_the_record(request):
    workload = replace(request.workload, env={"TOKEN": "v3ry-s3cret"}, registry_login="l0gin-s3cret")

    text = json.dumps(to_record(replace(request, workload=workload)))

    assert "s3cret" not in text
    assert '"TOKEN"' in text


def test_every_field_of_a_request_varies_above():
    assert set(parts) == {field.name for field in fields(ComputeRequest)}


def test_money_is_kept_as_text_and_never_as_a_float():
    request = ComputeRequest(
        WorkloadType.GENERAL, GpuQuery("a100"), 1, Decimal("0.1"), Decimal("3.000000001"), 1, 1
    )

    record = to_record(request)

    assert (record["gpu_hours"], record["max_price"], record["max_total_cost"]) == (
        "0.1",
        "3.000000001",
        None,
    )
