import json
from decimal import Decimal

import pytest
import yaml

from aurora.domain.errors import InvalidProviderRequest
from aurora.providers.akash.manifest import manifest_json
from aurora.providers.akash.offer_id import OfferId
from aurora.providers.akash.sdl import order_for, terms_for
from tests.unit.providers.akash.booth import FAR, NAME, OFFER, spec


def parsed(order):
    return yaml.safe_load(order.sdl)


def test_the_sdl_asks_for_what_the_offer_says():
    sdl = parsed(order_for("akash", spec(gpu_count=2, disk_gb=20.5)))

    resources = sdl["profiles"]["compute"]["app"]["resources"]
    assert resources == {
        "cpu": {"units": 16},
        "memory": {"size": "128Gi"},
        "gpu": {
            "units": 2,
            "attributes": {"vendor": {"nvidia": [{"model": "h100", "ram": "80Gi", "interface": "sxm"}]}},
        },
        "storage": [{"size": "21Gi"}],
    }


def test_the_manifest_is_that_of_the_text_that_is_sent():
    order = order_for(
        "akash", spec(env={"A": "on", "B": "0o7", "C": "1e3", "E": "😀 & <x>", "F": "a: b\n- c"})
    )

    assert manifest_json(parsed(order)) == order.manifest


def test_the_same_spec_gives_the_same_order_and_another_name_another_hash():
    first, again = order_for("akash", spec()), order_for("akash", spec())
    other = order_for("akash", spec(name="aurora-abc123-0123456789ab-2"))

    assert (first.sdl, first.manifest, first.hash) == (again.sdl, again.manifest, again.hash)
    assert other.hash != first.hash


def test_the_terms_are_those_of_the_order():
    asked = spec(registry_login="user:secret-word@registry.example", env={"A": "on"})

    order, terms = order_for("akash", asked), terms_for("akash", asked)

    assert (terms.manifest, terms.hash, terms.secrets) == (order.manifest, order.hash, order.secrets)
    assert (repr(order), repr(terms)) == (f"Order({order.hash})", f"Terms({order.hash})")


def test_the_placement_is_called_like_the_instance_and_the_environment_says_it_too():
    order = order_for("akash", spec())

    group = json.loads(order.manifest)[0]
    assert group["name"] == NAME
    assert group["services"][0]["env"] == ["A=B", f"AURORA_ID={NAME}"]


def test_command_replaces_the_images_cmd():
    service = json.loads(order_for("akash", spec(command=("sleep", "9"))).manifest)[0]["services"][0]

    assert (service["args"], service["command"]) == (["sleep", "9"], None)


@pytest.mark.parametrize(
    ("usd", "uact_per_block"), [("6", 10_000), ("2.5", 4166), ("0.0006", 1), ("2.4999999", 4166)]
)
def test_the_ceiling_is_the_price_limit_rounded_down(usd, uact_per_block):
    sdl = parsed(order_for("akash", spec(ceiling_usd_per_hour=Decimal(usd))))

    assert sdl["profiles"]["placement"][NAME]["pricing"]["app"] == {"denom": "uact", "amount": uact_per_block}


def test_ports_are_exposed_as_they_are():
    exposed = parsed(order_for("akash", spec(ports=("8080", "53/udp", "8080/tcp", "22"))))["services"]["app"][
        "expose"
    ]

    assert [(each["port"], each["proto"]) for each in exposed] == [(22, "tcp"), (53, "udp"), (8080, "tcp")]
    assert all("as" not in each and each["to"] == [{"global": True}] for each in exposed)


def test_without_ports_the_service_is_still_global_under_another_name():
    sdl = parsed(order_for("akash", spec(ports=())))

    assert sdl["services"]["worker"]["expose"] == [{"port": 65535, "as": 80, "to": [{"global": True}]}]


@pytest.mark.parametrize("login", ["joe:passw0rd@ghcr.io", "-u joe -p passw0rd ghcr.io"])
def test_a_registry_login_becomes_credentials_and_is_a_secret(login):
    order = order_for("akash", spec(registry_login=login))

    credentials = json.loads(order.manifest)[0]["services"][0]["credentials"]
    assert (credentials["host"], credentials["username"], credentials["password"]) == (
        "ghcr.io",
        "joe",
        "passw0rd",
    )
    assert "passw0rd" in order.secrets
    assert "passw0rd" not in repr(order)


def test_any_memory_and_interface_are_left_out():
    sdl = parsed(order_for("akash", spec(offer_external_id=f"{FAR}.t4.any.any")))

    gpu = sdl["profiles"]["compute"]["app"]["resources"]["gpu"]
    assert gpu["attributes"]["vendor"]["nvidia"] == [{"model": "t4"}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": "a b"},
        {"image": ""},
        {"name": "UPPER"},
        {"gpu_count": 0},
        {"disk_gb": float("nan")},
        {"disk_gb": -1.0},
        {"ceiling_usd_per_hour": Decimal("0.0001")},
        {"env": {"1=2": "x"}},
        {"env": {"AURORA_ID": "x"}},
        {"ports": ("eighty",)},
        {"ports": ("70000",)},
        {"registry_login": "nonsense"},
        {"registry_login": "joe:short@ghcr.io"},
        {"env": {"A": "x" * 600_000}},
        {"offer_external_id": "../v1"},
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(wrong):
    with pytest.raises(InvalidProviderRequest):
        order_for("akash", spec(**wrong))


def test_terms_are_refused_as_orders_are():
    with pytest.raises(InvalidProviderRequest, match="disk_gb: "):
        terms_for("akash", spec(disk_gb=-1))


def test_a_refusal_never_quotes_a_value():
    with pytest.raises(InvalidProviderRequest) as caught:
        order_for("akash", spec(registry_login="secret-login-without-form", env={"OK": "v"}))

    assert "secret-login" not in str(caught.value)


def test_an_offer_id_says_itself():
    assert str(OfferId.parse("akash", OFFER)) == OFFER
