"""Registry rows, jobs and orders of Dispersed."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.errors import InvalidProviderRequest
from aurora.domain.instance import InstanceState as S
from aurora.domain.offer import PriceKind
from aurora.providers.fields import Fields, Odd
from aurora.providers.render.jobs import endpoints_by_job, instance
from aurora.providers.render.offers import RegistryReader
from aurora.providers.render.order import order
from tests.unit.providers.loopback import START
from tests.unit.providers.render.dispersed_booth import GPUS, NAME, RTX5090, job, run, spec, uuid

READER = RegistryReader("render", gpus=GPUS, emulated=False)
SEEN = json.loads(
    (
        Path(__file__).parents[3] / "fixtures" / "render" / "dispersed_create_job_request_client.json"
    ).read_text()
)


def read(*rows):
    return READER.offers(rows, slice_key="all", seen_at=START)


def row(**changes):
    return {"uuid": RTX5090, "name": "NVIDIA RTX 5090", "vram_gb": 32, "available": 3, **changes}


@pytest.mark.parametrize(
    ("changes", "family", "price"),
    [
        ({"price_per_hour": "0.61"}, "rtx5090", "0.61"),
        ({"hourly_price": 0.61}, "rtx5090", "0.61"),
        ({"price_usd_per_hour": 0.61}, "rtx5090", "0.61"),
        ({"price": 0.61}, "rtx5090", "0.61"),
        ({}, "rtx5090", "0.69"),
        ({"price": 0}, "rtx5090", "0.69"),
        ({"name": "RTX 4090", "vram_gb": 24}, "rtx4090", "0.35"),
        ({"name": "NVIDIA RTX 3090", "vram_gb": None, "memory_gb": 24}, "rtx3090", "0.31"),
        ({"name": "NVIDIA H200 SXM", "vram_gb": 141}, "h200", "2.00"),
    ],
)
def test_a_price_is_the_rows_or_the_published_one_and_always_an_estimate(changes, family, price):
    (offer,) = read(row(**changes)).offers

    assert (offer.gpu.family, offer.price_per_hour) == (family, Decimal(price))
    assert (offer.price_kind, offer.gpu_count, offer.external_id) == (PriceKind.ESTIMATE, 1, RTX5090)


@pytest.mark.parametrize(
    ("changes", "free"),
    [
        ({"available": 3}, 3),
        ({"available": True}, 1),
        ({"available": False}, 0),
        ({"available": None, "available_nodes": 2}, 2),
        ({"available": None}, 1),
        ({"available": "some"}, 1),
    ],
)
def test_what_is_free_is_a_number_or_a_flag_or_was_asked_for(changes, free):
    assert read(row(**changes)).offers[0].available == free


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"uuid": None}, "uuid is missing"),
        ({"uuid": "../jobs"}, "uuid is missing"),
        ({"name": None}, "name is missing"),
        ({"name": "NVIDIA A40"}, "no price, and none is published"),
        ({"price": "-1"}, "price is out of range"),
        ({"price": "x"}, "price is not a number"),
    ],
)
def test_an_odd_row_is_counted_by_its_reason(changes, reason):
    found = read(row(**changes), row(uuid=uuid(2)))

    assert [(each.reason, each.count) for each in found.rejected] == [(reason, 1)]
    assert len(found.offers) == 1


def test_other_names_of_the_same_things_are_understood():
    (offer,) = read({"id": RTX5090, "gpu_name": "NVIDIA RTX 5090", "memory_gb": 32}).offers

    assert (offer.external_id, offer.gpu.family, offer.vram_gb) == (RTX5090, "rtx5090", 32)


ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))


@given(st.sampled_from(sorted(row())), ODD)
def test_no_value_of_any_field_breaks_the_reader(name, value):
    found = read({**row(), name: value})

    assert len(found.offers) + len(found.rejected) == 1


@pytest.mark.parametrize(
    ("status", "reached", "state", "over"),
    [
        ("PENDING", False, S.STARTING, False),
        ("ASSIGNED", False, S.STARTING, False),
        ("PREPARING", False, S.STARTING, False),
        ("RUNNING", False, S.STARTING, False),
        ("RUNNING", True, S.RUNNING, False),
        ("FAILING", True, S.ENDING, False),
        ("CANCELLING", True, S.ENDING, False),
        ("COMPLETED", False, S.EXITED, True),
        ("FAILED", False, S.FAILED, True),
        ("CANCELLED", False, S.STOPPED, True),
        ("THAWING", True, S.UNKNOWN, False),
        (None, True, S.UNKNOWN, False),
    ],
)
def test_each_status_has_its_state(status, reached, state, over):
    addresses = endpoints_by_job([run()])[uuid(1)] if reached else ()

    found = instance(Fields(job(status=status)), addresses, provider="render")

    assert (found.state, found.over, found.name) == (state, over, NAME)


def test_addresses_are_the_newest_runs_and_ssh_is_port_22():
    older = {**run(), "node_urls": [{"hostname": "old", "port": 1, "description": "8080"}]}
    snapshot = {**run(2), "job_uuid": None, "job_snapshot": {"uuid": uuid(2)}}

    found = endpoints_by_job([{**run(), "node_urls": []}, run(), older, snapshot, 7])

    assert [(each.port, each.url) for each in found[uuid(1)]] == [
        ("22", "http://mlpipe4-us.proxy.dispersed.com:31877"),
        ("8080", "http://mlpipe4-us.proxy.dispersed.com:31878"),
    ]
    assert len(found[uuid(2)]) == 2


@pytest.mark.parametrize(
    "odd",
    [
        {"hostname": "a b", "port": 1, "description": "80"},
        {"hostname": "a", "port": 0, "description": "80"},
        {"hostname": "a", "port": 1, "description": "web"},
        {"hostname": "a", "port": 1},
        7,
    ],
)
def test_an_odd_address_is_none(odd):
    assert endpoints_by_job([{**run(), "node_urls": [odd]}]) == {}


@pytest.mark.parametrize("odd", [{"uuid": None}, {"uuid": "1"}, {"uuid": 7}])
def test_a_job_without_a_uuid_cannot_be_told(odd):
    with pytest.raises(Odd):
        instance(Fields(job(**odd)), (), provider="render")


def test_an_order_has_the_fields_that_working_clients_send():
    body = order("render", spec(registry_login="u:p@ghcr.io", disk_gb=30.5))

    assert set(body) == set(SEEN)
    assert body["title"] == NAME
    assert body["min_storage_gb"] == 31
    assert body["parameters"] == {
        "type": "docker",
        "parameters": {
            "image": "ghcr.io/acme/app",
            "tag": "1.2.3",
            "env": {"A": "B"},
            "ports": [22, 8080],
            "allowed_ips": ["0.0.0.0/0"],
            "host": "ghcr.io",
            "user": "u",
            "secret": "p",
        },
    }


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("nginx", ("nginx", "latest")),
        ("nginx:1", ("nginx", "1")),
        ("localhost:5000/a", ("localhost:5000/a", "latest")),
        ("localhost:5000/a:2", ("localhost:5000/a", "2")),
    ],
)
def test_image_and_tag_are_two_fields(image, parts):
    found = order("render", spec(image=image))["parameters"]["parameters"]

    assert (found["image"], found["tag"]) == parts


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"command": ("sleep", "1")}, "command"),
        ({"image": "a@sha256:" + "0" * 64}, "image"),
        ({"image": ""}, "image"),
        ({"name": ""}, "name"),
        ({"ports": ("53/udp",)}, "ports"),
        ({"registry_login": "hunter2"}, "registry_login"),
        ({"offer_external_id": "1"}, "id"),
    ],
)
def test_what_this_market_cannot_do_is_never_sent_and_the_field_is_named(changes, field):
    with pytest.raises(InvalidProviderRequest, match=field) as caught:
        order("render", spec(**changes))
    assert "hunter2" not in str(caught.value)
