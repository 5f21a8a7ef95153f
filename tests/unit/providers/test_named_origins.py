"""Addresses out of answers that others connect to for us."""

import pytest

from aurora.providers.targets import may_be_named


@pytest.mark.parametrize(
    "url",
    [
        "https://provider.akash.example:8443",
        "https://provider.akash.example:8443/",
        "https://8.8.8.8:8443",
        "https://[2606:4700::1111]:8443",
    ],
)
def test_a_public_origin_may_be_named(url):
    assert may_be_named(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "provider.akash.example",
        "http://provider.akash.example:8443",
        "ftp://provider.akash.example",
        "https://",
        "https://user:key@provider.akash.example",
        "https://provider.akash.example@10.0.0.1",
        "https://provider.akash.example/admin",
        "https://provider.akash.example?x=",
        "https://provider.akash.example#x",
        "https://provider.akash.example:99999",
        "https://localhost:8443",
        "https://localhost.:8443",
        "https://metadata",
        "https://metadata.google.internal",
        "https://db.default.svc",
        "https://printer.local",
        "https://127.0.0.1:8443",
        "https://10.0.0.1",
        "https://169.254.169.254/",
        "https://100.64.0.1",
        "https://0.0.0.0",
        "https://[::1]:8443",
        "https://[fd00::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[64:ff9b::7f00:1]",
        "https://2130706433",
        "https://0x7f000001",
        "https://127.1",
        "https://10.0.0.0x1",
        "https://[oops",
    ],
)
def test_anything_that_leads_into_a_network_or_carries_more_than_an_origin_may_not(url):
    assert not may_be_named(url)
