import pytest

from aurora.domain.errors import InvalidProviderRequest
from aurora.providers.vastai.launch import create_body, offer_id, secrets_of
from tests.unit.providers.loopback import make_spec


def body(**changes):
    return create_body("vastai", make_spec(**changes))


def test_a_launch_becomes_the_body_that_the_official_client_sends():
    assert body() == {
        "client_id": "me",
        "image": "nginx:latest",
        "env": {"A": "B", "-p 8080:8080": "1", "-p 53:53/udp": "1"},
        "price": None,
        "disk": 20.0,
        "label": "aurora-abc123-0123456789ab-1",
        "runtype": "args",
        "args": ["python", "-m", "http.server", "8080"],
        "cancel_unavail": True,
        "image_login": None,
    }


def test_without_a_command_the_images_own_is_left_alone():
    assert "args" not in body(command=())


def test_a_disk_below_the_smallest_becomes_the_smallest():
    assert body(disk_gb=2)["disk"] == 8.0


@pytest.mark.parametrize("login", ["joe:hunter2:x@registry.example", "-u joe -p hunter2:x registry.example"])
def test_a_registry_login_becomes_docker_flags(login):
    assert body(registry_login=login)["image_login"] == "-u joe -p hunter2:x registry.example"


def test_a_tcp_port_may_name_its_protocol():
    assert "-p 80:80" in body(ports=("80/tcp",))["env"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image": ""}, "image"),
        ({"image": "a" * 1025}, "image"),
        ({"image": "nginx --privileged"}, "image"),
        ({"name": ""}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"disk_gb": float("nan")}, "disk_gb"),
        ({"disk_gb": float("inf")}, "disk_gb"),
        ({"disk_gb": -1}, "disk_gb"),
        ({"command": ("x" * 4100,)}, "command"),
        ({"env": {"A": "x" * 257}}, "env"),
        ({"env": {"A" * 257: "x"}}, "env"),
        ({"env": {f"A{n}": "x" * 250 for n in range(140)}}, "env"),
        ({"env": {"-v /:/host": "1"}}, "env"),
        ({"env": {"": "x"}}, "env"),
        ({"env": {"A B": "x"}}, "env"),
        ({"ports": tuple(str(n) for n in range(1, 66))}, "ports"),
        ({"ports": ("0",)}, "ports"),
        ({"ports": ("65536",)}, "ports"),
        ({"ports": ("80 -v /:/host",)}, "ports"),
        ({"ports": ("80/sctp",)}, "ports"),
        ({"registry_login": "hunter2"}, "registry_login"),
        ({"registry_login": "joe:hunter2 -v /:/host@registry"}, "registry_login"),
    ],
)
def test_what_is_over_a_limit_is_refused_before_it_is_sent_and_its_value_is_not_shown(changes, field):
    with pytest.raises(InvalidProviderRequest) as caught:
        body(**changes)

    assert str(caught.value).startswith(f"vastai: {field}:")
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 120


def test_the_same_port_twice_counts_once():
    assert len(body(ports=("80",) * 70, env={})["env"]) == 1


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "1/../2", "1 ", "١٢", "1" * 19])
def test_what_can_be_no_id_never_gets_into_a_path(text):
    with pytest.raises(InvalidProviderRequest):
        offer_id("vastai", text)


def test_values_that_an_error_could_quote_are_named_for_redaction():
    spec = make_spec(env={"TOKEN": "tok"}, registry_login="joe:hunter2@registry")

    assert {"tok", "hunter2", "joe:hunter2@registry"} <= set(secrets_of(spec))
