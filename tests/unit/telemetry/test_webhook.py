"""What goes over the wire to the operator's webhook, and what is made of the answers."""

import hashlib
import hmac
import socket

import pytest

from aurora.domain.alert import Delivery, DeliveryFailed
from aurora.telemetry.webhook import Webhook
from tests.fakes.clock import START, FakeClock
from tests.unit.telemetry.receiver import PATH, receiving

MESSAGE = Delivery("d-1", '{"name": "breaker_open", "detail": "für"}'.encode())
SECRET = "a-secret-of-the-operator"


async def sent(url: str, *, secret: str | None = None, timeout_s: float = 5.0) -> None:
    webhook = Webhook(url, secret=secret, clock=FakeClock(), timeout_s=timeout_s)
    try:
        await webhook.send(MESSAGE)
    finally:
        await webhook.aclose()


async def refusal(url: str, *, timeout_s: float = 5.0) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as refused:
        await sent(url, timeout_s=timeout_s)
    return refused.value


async def test_a_message_arrives_with_its_id_and_a_signature_that_verifies():
    async with receiving() as receiver:
        await sent(receiver.url, secret=SECRET)

    [(headers, body)] = receiver.got
    assert body == MESSAGE.body
    assert headers["content-type"] == "application/json"
    assert headers["x-aurora-delivery"] == "d-1"
    stamp, signed = (part.split("=", 1)[1] for part in headers["x-aurora-signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert (int(stamp), signed) == (int(START.timestamp()), expected)


async def test_without_a_secret_nothing_is_signed():
    async with receiving() as receiver:
        await sent(receiver.url)

    assert "x-aurora-signature" not in receiver.got[0][0]


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (503, True), (429, True), (408, True), (400, False), (404, False)]
)
async def test_an_answer_says_whether_another_attempt_makes_sense(status, again):
    async with receiving(status) as receiver:
        refused = await refusal(receiver.url)

    assert (refused.again, refused.detail) == (again, f"answered {status}")


async def test_the_receiver_may_ask_for_patience():
    async with receiving(429) as receiver:
        receiver.headers = {"Retry-After": "77"}
        assert (await refusal(receiver.url)).retry_after == 77


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(status):
    async with receiving(204) as elsewhere, receiving(status) as receiver:
        receiver.headers = {"Location": elsewhere.url}
        refused = await refusal(receiver.url)

    assert not refused.again
    assert elsewhere.got == []


async def test_a_silent_receiver_is_left_after_the_time_out():
    async with receiving(0) as receiver:
        refused = await refusal(receiver.url, timeout_s=0.03)

    assert refused.again


async def test_a_receiver_that_is_not_there_may_come_back_and_is_not_named():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}{PATH}"
        refused = await refusal(url)

    assert refused.again
    assert "127.0.0.1" not in str(refused)
    assert "T0KEN" not in str(refused)


@pytest.mark.parametrize("url", ["hooks.example/x", "ftp://hooks.example", "https://", ""])
def test_what_is_no_address_is_refused_without_being_repeated(url):
    with pytest.raises(ValueError, match="must be an address") as refused:
        Webhook(url, secret=None, clock=FakeClock())

    assert "hooks" not in str(refused.value).replace("https://hooks.example/aurora", "")
