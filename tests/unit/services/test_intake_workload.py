import pytest

from aurora.domain.errors import InvalidRequest
from aurora.services import intake_workload as read


@pytest.mark.parametrize(
    "image",
    [
        "nginx",
        "nginx:1.27",
        "vllm/vllm-openai:v0.9.2",
        "ghcr.io/acme/team/worker_x:2024.1-rc1",
        "localhost:5000/a/b",
        "registry.example:5000/a__b/c--d@sha256:" + "0" * 64,
        "nytimes/blender:3.3.1-gpu-ubuntu18.04",
    ],
)
def test_image_references_are_accepted(image):
    assert read.image(f" {image} ") == image


@pytest.mark.parametrize(
    "image",
    [
        "",
        "Nginx",
        "a b",
        "nginx:",
        "nginx:-x",
        "/nginx",
        "a//b",
        "nginx@sha256:12",
        "http://evil/x",
        "x; rm -rf /",
        "$(id)",
        "a" * 600,
        7,
        ["nginx"],
        "a" + "._" * 200,
    ],
)
def test_anything_else_is_no_image(image):
    with pytest.raises(InvalidRequest) as caught:
        read.image(image)

    assert caught.value.field == "image"


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([8080, "53/udp", "443/tcp", " 8080 "], ("8080", "53/udp", "443")),
        ([], ()),
        ([65535, "1"], ("65535", "1")),
    ],
)
def test_ports_are_read_once_each(ports, expected):
    assert read.ports(ports) == expected


@pytest.mark.parametrize(
    "ports",
    [
        "8080",
        [0],
        [65536],
        ["080"],
        ["53/sctp"],
        ["8080:80"],
        [-1],
        [True],
        [1.5],
        [None],
        [1] * 65,
        {"a": 1},
    ],
)
def test_wrong_ports_are_refused(ports):
    with pytest.raises(InvalidRequest) as caught:
        read.ports(ports)

    assert caught.value.field == "ports"


def test_variables_are_texts_and_numbers_become_texts():
    assert read.env({"MODEL": "x", "_N": 3}) == {"MODEL": "x", "_N": "3"}


@pytest.mark.parametrize(
    "env",
    [
        {"1A": "x"},
        {"A B": "x"},
        {"A=B": "x"},
        {"": "x"},
        {"A": None},
        {"A": ["s3cret"]},
        {"A": True},
        {"A": "s3cret\ud800"},
        {"A": "s3cret\0"},
        {"A" * 129: "x"},
        {"A": "s3cret" * 20_000},
        {f"A{number}": "" for number in range(257)},
        "A=s3cret",
    ],
)
def test_wrong_variables_are_refused_without_their_values(env):
    with pytest.raises(InvalidRequest) as caught:
        read.env(env)

    assert caught.value.field == "env"
    assert "s3cret" not in caught.value.detail


def test_a_command_is_a_list_or_a_text():
    assert read.command(["python", "-c", "print(1)"]) == ("python", "-c", "print(1)")
    assert read.command("python -c 'print(1)'") == ("python", "-c", "print(1)")


@pytest.mark.parametrize(
    "command", ["echo 'open", [1], [["a"]], ["a\0"], ["\ud800"], ["a"] * 257, ["a" * 70_000], {"a": 1}]
)
def test_wrong_commands_are_refused(command):
    with pytest.raises(InvalidRequest) as caught:
        read.command(command)

    assert caught.value.field == "command"
