import pytest

from aurora.providers import targets

BASE = "https://console.vast.ai"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "console.vast.ai",
        "",
    ],
)
def test_an_address_inside_a_network_is_not_public(address):
    assert not targets.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_an_address_of_the_internet_is_public(address):
    assert targets.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com/vast/logs/x.log",
        "https://console.vast.ai/logs/x.log",
        "https://8.8.8.8/x",
    ],
)
def test_https_outside_our_network_may_be_fetched(url):
    assert targets.may_fetch(url, base_url=BASE)


@pytest.mark.parametrize(
    "url",
    [
        "http://s3.amazonaws.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://user:password@s3.amazonaws.com/x",
        "file:///etc/passwd",
        "ftp://s3.amazonaws.com/x",
        "//s3.amazonaws.com/x",
        "s3.amazonaws.com/x",
        "https://",
        "https://host:99999/x",
        "https://[bad/x",
        "",
    ],
)
def test_anything_else_may_not(url):
    assert not targets.may_fetch(url, base_url=BASE)


def test_the_configured_origin_itself_may_be_loopback_but_no_other_port_of_it():
    base = "http://127.0.0.1:9100"

    assert targets.may_fetch("http://127.0.0.1:9100/logs/x", base_url=base)
    assert not targets.may_fetch("http://127.0.0.1:9101/logs/x", base_url=base)
    assert not targets.may_fetch("http://localhost:9100/logs/x", base_url=base)
