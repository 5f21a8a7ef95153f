"""Every error of the gateway contract has its meaning, for every operation that can meet it."""

import pytest

from aurora.domain.errors import (
    CredentialRefused,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from aurora.providers.base import Cursor
from aurora.providers.gateway.errors import KeyInUse
from tests.unit.providers.gateway.gateway_booth import OFFER, gateway_at, refusal, spec
from tests.unit.providers.loopback import Loopback, Reply, SkippingClock


async def drained(lines):
    return [line async for line in lines]


CALLS = {
    "offers": lambda provider: provider.offers_page(Cursor("all")),
    "quote": lambda provider: provider.quote(OFFER, gpu_count=1, disk_gb=20),
    "create": lambda provider: provider.create(spec()),
    "status": lambda provider: provider.status("1"),
    "list": lambda provider: provider.list_own(),
    "logs": lambda provider: drained(provider.logs("1")),
    "terminate": lambda provider: provider.terminate("1"),
    "health": lambda provider: provider.health(),
}
every_call = pytest.mark.parametrize("call", CALLS)


async def error_of(call, answer):
    async with Loopback(answer) as server:
        provider = gateway_at(server, clock=SkippingClock())
        try:
            await CALLS[call](provider)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
            return error
        finally:
            await provider.aclose()
    return None


@pytest.mark.parametrize("code", ["idempotency_mismatch", "idempotency_in_progress"])
async def test_a_key_that_is_known_already_leaves_the_outcome_open_and_is_not_the_markets_fault(code):
    error = await error_of("create", refusal(409, code, headers={"Retry-After": "1"}))

    assert type(error) is KeyInUse
    assert isinstance(error, OutcomeUnknown)
    assert (error.outcome_known, error.counts_against_provider) == (False, False)


@every_call
@pytest.mark.parametrize("page", ["404 page not found", "<html>no</html>", {"detail": "no"}, {"error": "no"}])
async def test_a_404_in_other_words_proves_no_absence(call, page):
    assert type(await error_of(call, Reply(page, status=404))) is Misconfigured


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(502, Unavailable), (403, CredentialRefused), (429, RateLimited), (301, Misconfigured)],
)
async def test_a_proxys_page_is_judged_by_its_status(status, meaning):
    assert type(await error_of("status", Reply("<html>", status=status))) is meaning


async def test_retryable_goes_before_the_table():
    for said, found in [(False, False), (True, True)]:
        error = await error_of("status", refusal(503, "unavailable", retryable=said))
        assert error.retryable is found
    # what no table calls transient does not become so by a word
    assert (await error_of("status", refusal(422, "invalid_request", retryable=True))).retryable is False


async def test_retry_after_is_heeded():
    error = await error_of("list", refusal(429, "rate_limited", headers={"Retry-After": "7"}))

    assert error.retry_after == 7


async def test_the_fields_that_were_refused_and_the_new_price_are_said():
    fields = [{"path": "disk_gb", "message": "must be 500 or less"}]
    refused = await error_of("create", refusal(422, "invalid_request", "no", details={"fields": fields}))
    dearer = await error_of("create", refusal(409, "price_changed", details={"price_per_hour": "0.420000"}))

    assert "disk_gb: must be 500 or less" in refused.detail
    assert "0.420000" in dearer.detail
