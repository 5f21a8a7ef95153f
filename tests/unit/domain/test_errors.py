"""Each error class says what to do about it. This table is the contract that every caller branches on."""

import inspect
from datetime import UTC, datetime

import pytest

from aurora.domain import errors
from aurora.domain.errors import AuroraError, Conflict, InvalidRequest, ProviderError

# class: code, may the same call be sent again, does it speak about the provider, is it certain a create had no effect
MEANING = {
    "ProviderError": ("provider_error", False, False, True),
    "CircuitBreakerOpen": ("circuit_open", False, False, True),
    "RateLimitExceeded": ("rate_limit_exceeded", False, False, True),
    "DeadlineExceeded": ("deadline_exceeded", False, False, False),
    "CredentialRefused": ("credential_refused", False, False, True),
    "PaymentRequired": ("payment_required", False, False, True),
    "RateLimited": ("provider_rate_limited", True, False, True),
    "Unavailable": ("provider_unavailable", True, True, False),
    "NotSent": ("provider_unreachable", True, True, True),
    "ProviderTimeout": ("provider_timeout", True, True, False),
    "OutcomeUnknown": ("outcome_unknown", False, True, False),
    "MalformedAnswer": ("malformed_answer", True, True, False),
    "Misconfigured": ("provider_misconfigured", False, False, True),
    "InvalidProviderRequest": ("provider_rejected_request", False, False, True),
    "OfferGone": ("offer_gone", False, False, True),
    "NoCapacity": ("no_capacity", False, False, True),
    "InstanceNotFound": ("instance_not_found", False, False, True),
    "NotSupported": ("not_supported", False, False, True),
}
OURS = {
    "AuroraError": "internal",
    "NotFound": "not_found",
    "Conflict": "conflict",
    "InvalidRequest": "invalid_request",
    "DatabaseUnavailable": "database_unavailable",
    "SpendingStopped": "spending_stopped",
    "TenantDisabled": "tenant_disabled",
    "QuotaExceeded": "quota_exceeded",
    "InboundLimit": "rate_limited",
}


def all_errors() -> dict[str, type[AuroraError]]:
    found = inspect.getmembers(errors, lambda one: inspect.isclass(one) and issubclass(one, AuroraError))
    return dict(found)


def test_every_error_has_a_line_in_one_of_the_tables():
    provider = {name for name, one in all_errors().items() if issubclass(one, ProviderError)}

    assert provider == set(MEANING)
    assert all_errors().keys() - provider == set(OURS)


@pytest.mark.parametrize("name", sorted(MEANING))
def test_a_providers_error_means_what_the_table_says(name):
    error = all_errors()[name]("vastai", "it said no")

    told = (error.code, error.retryable, error.counts_against_provider, error.outcome_known)

    assert told == MEANING[name]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_own_errors_have_their_codes(name):
    assert all_errors()[name].code == OURS[name]


def test_codes_are_unique():
    codes = [one.code for one in all_errors().values()]

    assert len(set(codes)) == len(codes)


def test_what_may_be_repeated_although_it_may_have_had_an_effect_is_never_assumed_of_a_create():
    careful = {name for name, (_, again, _, known) in MEANING.items() if again and not known}

    assert careful == {"Unavailable", "ProviderTimeout", "MalformedAnswer"}


def test_a_providers_error_carries_who_said_what_and_when_to_come_again():
    until = datetime(2026, 1, 1, tzinfo=UTC)

    error = errors.RateLimited("vastai", "slow down", status=429, retry_after=7.5, until=until)

    assert str(error) == "vastai: slow down"
    assert (error.detail, error.status, error.retry_after, error.until) == ("slow down", 429, 7.5, until)


def test_a_conflict_may_have_a_code_of_its_own_and_others_keep_theirs():
    assert Conflict("busy", code="idempotency_in_flight", retry_after=1).code == "idempotency_in_flight"
    assert Conflict("busy").code == "conflict"


def test_an_invalid_request_names_its_field():
    error = InvalidRequest("gpu_hours", "must be a number")

    assert (error.field, error.detail, str(error)) == ("gpu_hours", "must be a number", "must be a number")
