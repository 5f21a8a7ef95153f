from datetime import UTC, datetime
from decimal import Decimal

import pytest

from aurora.domain.errors import (
    CredentialRefused,
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    NotSent,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from aurora.providers.answers import Refusal, by_status, json_or_none, retry_after_s, strict_json
from aurora.providers.redaction import Redactor

NOW = datetime(2026, 8, 7, 12, 0, 0, tzinfo=UTC)


def refusal(status, *, body=None, raw="", headers=None):
    return Refusal("vastai", status, body=body, raw=raw, headers=headers or {}, now=NOW, redact=Redactor())


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 2.0),
        ("0.2", 1.0),
        ("Fri, 07 Aug 2026 12:00:30 GMT", 30.0),
        ("Fri, 07 Aug 2026 11:00:00 GMT", 0.0),
        ("-3", None),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("NaN", None),
        ("Fri, 99 Aug 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_leniently_and_garbage_is_ignored(header, seconds):
    assert retry_after_s({"Retry-After": header}, now=NOW) == seconds


def test_retry_after_date_is_measured_against_the_answers_own_date():
    headers = {"Retry-After": "Fri, 07 Aug 2026 09:00:20 GMT", "Date": "Fri, 07 Aug 2026 09:00:00 GMT"}

    assert retry_after_s(headers, now=NOW) == 20.0


def test_numbers_with_a_point_become_decimals_as_written():
    answer = strict_json("p", b'{"price": 0.1, "count": 3}')

    assert answer == {"price": Decimal("0.1"), "count": 3}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"<html></html>",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"1" * 5000,
        b'{"a": 1} x',
    ],
)
def test_what_is_no_strict_json_is_malformed_and_never_quoted(body):
    with pytest.raises(MalformedAnswer) as caught:
        strict_json("p", body)

    assert caught.value.__cause__ is None
    assert len(str(caught.value)) < 60


def test_an_error_page_is_no_json_but_no_error_either():
    assert json_or_none(b"<html>") is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Misconfigured),
        (307, Misconfigured),
        (400, InvalidProviderRequest),
        (401, CredentialRefused),
        (402, PaymentRequired),
        (403, CredentialRefused),
        (404, Misconfigured),
        (405, InvalidProviderRequest),
        (408, Unavailable),
        (409, InvalidProviderRequest),
        (422, InvalidProviderRequest),
        (425, Unavailable),
        (429, RateLimited),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        (599, Unavailable),
        (999, Unavailable),
    ],
)
def test_a_status_has_one_meaning(status, kind):
    error = by_status(refusal(status))

    assert type(error) is kind
    assert error.status == status
    assert not isinstance(error, NotSent)


def test_a_503_and_a_429_carry_their_retry_after():
    assert by_status(refusal(503, headers={"Retry-After": "9"})).retry_after == 9
    assert by_status(refusal(429, headers={"Retry-After": "9"})).retry_after == 9


@pytest.mark.parametrize("status", [501, 505])
def test_a_5xx_that_no_repeat_cures_is_not_repeated(status):
    assert by_status(refusal(status)).retryable is False
    assert by_status(refusal(500)).retryable is True


def test_a_status_error_quotes_the_redacted_beginning_of_the_body():
    error = by_status(refusal(500, raw='{"msg": "broken", "api_key": "abcdef"}'))

    assert "broken" in str(error)
    assert "abcdef" not in str(error)


def test_a_refusal_shows_neither_its_body_nor_its_headers():
    shown = repr(refusal(400, body={"api_key": "abcdef"}, raw="abcdef", headers={"Set-Cookie": "abcdef"}))

    assert "abcdef" not in shown
