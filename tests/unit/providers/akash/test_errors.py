"""Every documented refusal has its meaning, and whether a create may have happened is never guessed too lightly."""

import json

import pytest

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    Misconfigured,
    NoCapacity,
    OfferGone,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from aurora.domain.operation import Operation as Op
from aurora.providers.akash.errors import (
    BidRefused,
    ManifestNotDelivered,
    ProviderTrouble,
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


TABLE = [
    (Op.CREATE, 400, "Validation error", "validation_error", InvalidProviderRequest),
    (
        Op.CREATE,
        400,
        'Invalid SDL: "count" at "/deployment/web/akash" must be at least 1.',
        "",
        InvalidProviderRequest,
    ),
    (Op.CREATE, 400, "deposit is required", "", InvalidProviderRequest),
    (Op.CREATE, 400, "Failed to create deployment: Deposit too low", "", PaymentRequired),
    (Op.CREATE, 400, "Failed to create deployment: Insufficient funds", "", PaymentRequired),
    (Op.CREATE, 400, "Failed to create deployment: Invalid GPU attributes", "", InvalidProviderRequest),
    (
        Op.CREATE,
        400,
        "Failed to create deployment: Deployment with provided dseq and owner already exists",
        "",
        OutcomeUnknown,
    ),
    (Op.CREATE, 400, "Invalid SDL: h100 not available on free trial: Add funds", "", NoCapacity),
    (Op.CREATE, 400, "Console trial expired", "", PaymentRequired),
    (
        Op.CREATE,
        400,
        "Failed to create lease: Cannot create lease: The selected bid is no longer open. Please refresh",
        "",
        BidRefused,
    ),
    (
        Op.CREATE,
        400,
        "Cannot create lease: The associated order has already been matched or closed",
        "",
        BidRefused,
    ),
    (Op.CREATE, 400, "Invalid provider jwt credentials", "", ProviderTrouble),
    (Op.TERMINATE, 400, "Deployment closed", "", InstanceNotFound),
    (Op.TERMINATE, 400, "Deployment escrow cannot be settled yet", "", ProviderTrouble),
    (Op.STATUS, 401, "Invalid API key", "unauthorized", CredentialRefused),
    (Op.STATUS, 401, "Unauthorized", "unauthorized", CredentialRefused),
    (Op.CREATE, 402, "Not enough balance to cover the deployment deposit. Add credits", "", PaymentRequired),
    (Op.CREATE, 402, "Not enough funds to cover the transaction fee", "unknown_error", PaymentRequired),
    (Op.CREATE, 402, "", "payment_required", PaymentRequired),
    (Op.CREATE, 402, "", "insufficient_balance", PaymentRequired),
    (Op.CREATE, 402, "", "balance_top_up_pending", RateLimited),
    (Op.CREATE, 403, "Forbidden", "forbidden", CredentialRefused),
    (Op.CREATE, 403, "UserWallet is not initialized", "", PaymentRequired),
    (Op.CREATE, 403, "Provider not authorized.", "forbidden", BidRefused),
    (Op.CREATE, 403, "", "fair_use_policy_required", CredentialRefused),
    (Op.STATUS, 404, "Deployment not found", "not_found", InstanceNotFound),
    (Op.TERMINATE, 404, "Deployment not found", "not_found", InstanceNotFound),
    (Op.CREATE, 404, "UserWallet Not Found", "not_found", PaymentRequired),
    (Op.CREATE, 409, "Wallet is still being provisioned", "wallet_provisioning", RateLimited),
    (Op.CREATE, 409, "", "deployment_definition_changed", InvalidProviderRequest),
    (Op.CREATE, 422, "", "deployment_resources_changed", InvalidProviderRequest),
    (Op.CREATE, 422, "manifest version validation failed", "", ProviderTrouble),
    (Op.CREATE, 422, "manifest cross-validation error", "", InvalidProviderRequest),
    (Op.OFFERS, 429, "Too many requests", "rate_limited", RateLimited),
    (Op.OFFERS, 502, "Database connection timeout", "database_timeout", Unavailable),
    (Op.CREATE, 502, "", "provider_unreachable", BidRefused),
    (Op.CREATE, 502, "", "manifest_not_delivered", ManifestNotDelivered),
    (Op.CREATE, 503, "Service temporarily unavailable", "service_unavailable", Unavailable),
    (Op.CREATE, 503, "Provider service is temporarily unavailable", "", ProviderTrouble),
    (Op.STATUS, 500, "Internal server error", "internal_server_error", Unavailable),
]


@pytest.mark.parametrize(("operation", "status", "message", "code", "kind"), TABLE)
def test_a_documented_refusal_has_its_meaning(operation, status, message, code, kind):
    assert type(meaning(operation, status, message=message, code=code)) is kind


@pytest.mark.parametrize("row", [row for row in TABLE if row[1] >= 500 and row[3] != "provider_unreachable"])
def test_after_a_5xx_the_effect_of_a_create_is_unknown(row):
    assert meaning(Op.CREATE, row[1], message=row[2], code=row[3]).outcome_known is False


def test_a_create_that_exists_already_is_looked_for():
    found = meaning(Op.CREATE, 400, message="Deployment with provided dseq and owner already exists")

    assert (found.outcome_known, found.retryable) == (False, False)


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
