"""Addresses, limits, ids, tokens: the small parts around the requests."""

import base64
import json
from datetime import UTC, datetime

import pytest

from aurora.domain.errors import InvalidProviderRequest
from aurora.providers.akash import normalise_base_url, normalise_lcd_url, normalise_proxy_url
from aurora.providers.akash.lcd import moment
from aurora.providers.akash.limits import REAL, RELAXED
from aurora.providers.akash.offer_id import OfferId, dseq, sdl_interface
from aurora.providers.akash.pricing import BILLING, shape_for
from aurora.providers.akash.tokens import TTL_S, lifetime_s
from tests.unit.providers.akash.booth import NEAR, TOKEN


@pytest.mark.parametrize(
    "text",
    [
        "https://console-api.akash.network",
        " https://console-api.akash.network/ ",
        "https://console-api.akash.network/v1",
        "https://console-api.akash.network/v1/",
        "https://console-api.akash.network/v1/swagger",
    ],
)
def test_the_console_api_is_found_however_it_is_written(text):
    assert normalise_base_url(text) == "https://console-api.akash.network"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("console-api.akash.network", "http"),
        ("https://key@console-api.akash.network", "login"),
        ("https://console.akash.network", "website"),
        ("https://console-api.akash.network?x=1", "'\\?'"),
        ("", "http"),
    ],
)
def test_a_wrong_address_is_refused_with_one_line(text, says):
    with pytest.raises(ValueError, match=says) as caught:
        normalise_base_url(text)

    assert "\n" not in str(caught.value)
    assert "key@" not in str(caught.value)


def test_an_emulators_prefix_stays():
    assert normalise_base_url("http://127.0.0.1:9100/akash/") == "http://127.0.0.1:9100/akash"


def test_the_rpc_address_is_taken_for_the_rest_address_beside_it():
    assert normalise_lcd_url("https://rpc.akt.dev/rpc/") == "https://rpc.akt.dev/rest"
    assert normalise_lcd_url("https://rpc.akt.dev/rest") == "https://rpc.akt.dev/rest"
    assert normalise_proxy_url("https://console-provider-proxy.akash.network/ws") == (
        "https://console-provider-proxy.akash.network"
    )


def test_status_and_bids_are_polled_every_three_seconds_at_most():
    assert {name: limit.min_interval_s for name, limit in REAL.endpoints.items()} == {
        "status": 3.0,
        "bids": 3.0,
    }
    assert RELAXED.endpoints == {}


@pytest.mark.parametrize("seconds", [1, 6])
def test_a_block_is_billed_whole(seconds):
    assert BILLING.cost(6, seconds) == pytest.approx(BILLING.cost(6, 6))
    assert BILLING.from_creation


@pytest.mark.parametrize(
    ("told", "asked"), [("SXM5", "sxm"), ("SXM", "sxm"), ("PCIe", "pcie"), ("OAM", None), (None, None)]
)
def test_interfaces_of_hardware_and_of_orders(told, asked):
    assert sdl_interface(told) == asked


@pytest.mark.parametrize("ram", [None, "", "80", "80GB", "x" * 100])
def test_an_odd_memory_is_any_memory(ram):
    offer = OfferId.of(NEAR, "H100", ram, "SXM5")

    assert (str(offer), offer.vram_gib) == (f"{NEAR}.h100.any.sxm", None)


@pytest.mark.parametrize(
    ("owner", "model"), [(None, "h100"), ("cosmos1x", "h100"), (NEAR, None), (NEAR, "a b")]
)
def test_what_names_no_gpu_has_no_id(owner, model):
    assert OfferId.of(owner, model, "80Gi", "SXM5") is None


@pytest.mark.parametrize("text", ["", "1 2", "-1", "../1", "9" * 21])
def test_what_is_no_number_of_a_deployment_is_refused(text):
    with pytest.raises(InvalidProviderRequest):
        dseq("akash", text)


@pytest.mark.parametrize(
    ("vram", "count", "shape"), [(8, 1, (4, 16)), (24, 1, (8, 32)), (80, 2, (16, 128)), (None, 1, (4, 16))]
)
def test_cpu_and_memory_go_with_the_gpu(vram, count, shape):
    found = shape_for(vram, gpu_count=count)

    assert (found.threads, found.memory_gib) == shape


def jwt(claims):
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"h.{body}.s"


@pytest.mark.parametrize(
    ("token", "seconds"),
    [
        (TOKEN, 3600),
        (jwt({"iat": 1000, "exp": 1600}), 600),
        (jwt({"iat": 1000, "exp": 10**9}), TTL_S),
        (jwt({"iat": 1000, "exp": 900}), TTL_S),
        (jwt([]), TTL_S),
        ("not.a-jwt", TTL_S),
        ("a.%%%.c", TTL_S),
    ],
)
def test_a_token_lives_as_long_as_it_says_but_no_longer_than_asked(token, seconds):
    assert lifetime_s(token) == seconds


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-06-03T08:00:00.123456789Z", datetime(2026, 6, 3, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2026-06-03T08:00:00Z", datetime(2026, 6, 3, 8, tzinfo=UTC)),
        ("2026-06-03T08:00:00.5Z", datetime(2026, 6, 3, 8, 0, 0, 500000, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_of_the_chain(text, at):
    assert moment(text) == at
