"""A launch as the body of `POST /jobs`."""

from decimal import Decimal

import pytest

from aurora.domain.errors import InvalidProviderRequest
from aurora.providers.gateway.order import order
from tests.unit.providers.gateway.gateway_booth import NAME, spec


def test_the_whole_body():
    launch = spec(registry_login="joe:pa:ss@ghcr.io", disk_gb=20.5, ceiling_usd_per_hour=Decimal("0.4000009"))

    assert order("aethir", launch) == {
        "name": NAME,
        "image": "nginx:latest",
        "registry_auth": {"server": "ghcr.io", "username": "joe", "password": "pa:ss"},
        "args": ["python", "-m", "http.server", "8080"],
        "env": {"A": "B"},
        "ports": [{"container_port": 8080, "protocol": "tcp"}],
        "disk_gb": 21,
        "gpu": {"offer_id": "rtx4090-24.us-west"},
        "max_price_per_hour": "0.400000",
        "restart_policy": "never",
        "labels": {"owner": "aurora", "workload": NAME},
    }


def test_what_is_not_asked_for_is_left_to_the_image():
    body = order("aethir", spec(command=(), ports=(), registry_login=None, disk_gb=0))

    assert (body["args"], body["ports"], body["registry_auth"], body["disk_gb"]) == (None, [], None, 1)


@pytest.mark.parametrize(
    ("image", "sent"),
    [
        ("nginx", "nginx:latest"),
        ("nginx:1", "nginx:1"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
        ("localhost:5000/a:2", "localhost:5000/a:2"),
        ("a@sha256:" + "0" * 64, "a@sha256:" + "0" * 64),
    ],
)
def test_an_image_has_a_tag_or_a_digest(image, sent):
    assert order("aethir", spec(image=image))["image"] == sent


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Aurora"}, "name"),
        ({"name": "short"}, "name"),
        ({"image": "a b"}, "image"),
        ({"image": "a" * 600}, "image"),
        ({"ports": ("53/udp",)}, "ports"),
        ({"ports": ("0",)}, "ports"),
        ({"ports": ("http",)}, "ports"),
        ({"ports": tuple(str(1000 + n) for n in range(11))}, "ports"),
        ({"disk_gb": float("nan")}, "disk_gb"),
        ({"env": {"": "x"}}, "env"),
        ({"registry_login": "hunter2"}, "registry_login"),
        ({"offer_external_id": "../account"}, "id"),
    ],
)
def test_what_the_contract_forbids_is_never_sent_and_the_field_is_named(changes, field):
    with pytest.raises(InvalidProviderRequest, match=field) as caught:
        order("aethir", spec(**changes))
    assert "hunter2" not in str(caught.value)


def test_dockers_own_login_flags_are_understood():
    body = order("aethir", spec(registry_login="-u joe -p secret ghcr.io"))

    assert body["registry_auth"] == {"server": "ghcr.io", "username": "joe", "password": "secret"}
