"""Every documented refusal has its meaning, and whether a create may have happened is never guessed too lightly."""

import json

import pytest

from aurora.domain.errors import (
    InstanceNotFound,
    Misconfigured,
    OfferGone,
    Unavailable,
)
from aurora.domain.operation import Operation as Op
from aurora.providers.akash.errors import (
    TopUpNotNeeded,
    explain,
)
from aurora.providers.akash.limits import DEPOSIT
from aurora.providers.answers import Refusal, by_status
from aurora.providers.redaction import Redactor
from tests.unit.providers.loopback import START


def meaning(operation, status, *, message="", code="", body=None, raw="", headers=None, endpoint=None):
    told = body if body is not None else {"error": "SomeError", "message": message, "code": code}
    text = raw or json.dumps(told)
    refusal = Refusal("akash", status, None if raw else told, text, headers or {}, START, Redactor())
    return explain(operation, endpoint=endpoint)(refusal) or by_status(refusal)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "internal_server_error"),
        (502, "database_timeout"),
        (502, "manifest_not_delivered"),
        (503, "service_unavailable"),
    ],
)
def test_after_a_5xx_the_effect_of_a_create_is_unknown(status, code):
    assert meaning(Op.CREATE, status, code=code).outcome_known is False


@pytest.mark.parametrize(
    "trouble", ["Invalid provider jwt credentials", "Provider service is temporarily unavailable"]
)
def test_one_providers_failure_says_nothing_about_the_console(trouble):
    assert meaning(Op.CREATE, 503, message=trouble).counts_against_provider is False


def test_a_bid_that_is_gone_certainly_made_no_lease():
    found = meaning(Op.CREATE, 502, code="provider_unreachable")

    assert isinstance(found, OfferGone)
    assert found.outcome_known


@pytest.mark.parametrize(
    ("raw", "headers"),
    [("<html>Just a moment...</html>", {}), ("", {"cf-mitigated": "challenge"}), ("  <!DOCTYPE html>", {})],
)
def test_a_cloudflare_challenge_is_a_block_for_now_and_no_refused_key(raw, headers):
    found = meaning(Op.STATUS, 403, raw=raw or "x", headers=headers)

    assert type(found) is Unavailable
    assert found.retryable


@pytest.mark.parametrize("body", [{"error": "Invalid SDL: x"}, {"message": "Invalid SDL: x"}])
def test_a_body_with_only_error_or_message_is_read(body):
    assert "Invalid SDL: x" in meaning(Op.CREATE, 400, body=body).detail


def test_the_older_nested_429_says_when():
    body = {"error": {"code": "RATE_LIMITED", "message": "Too many requests", "retryAfter": 60}}

    assert meaning(Op.OFFERS, 429, body=body).retry_after == 60


def test_retry_after_of_the_header_wins():
    found = meaning(Op.CREATE, 402, code="balance_top_up_pending", headers={"Retry-After": "42"})

    assert found.retry_after == 42


@pytest.mark.parametrize("raw", ["404 Not Found", "<html>no such page</html>"])
@pytest.mark.parametrize("operation", [Op.STATUS, Op.TERMINATE])
def test_absence_must_be_said_in_the_consoles_words(operation, raw):
    assert type(meaning(operation, 404, raw=raw)) is Misconfigured


@pytest.mark.parametrize(("status", "raw"), [(404, "404 Not Found"), (410, "gone")])
def test_a_deposit_route_that_is_gone_is_not_needed(status, raw):
    assert type(meaning(Op.CREATE, status, raw=raw, endpoint=DEPOSIT)) is TopUpNotNeeded


def test_a_missing_deployment_is_no_missing_route():
    found = meaning(Op.CREATE, 404, message="Deployment not found", endpoint=DEPOSIT)

    assert type(found) is InstanceNotFound
