"""What counts as a secret, and what must stay readable."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import pytest

from aurora.telemetry.redaction import REDACTED, Redactor, is_secret_name


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "api_key",
        "API-KEY",
        "apiKey",
        "VASTAI_API_KEY",
        "token",
        "auth_token",
        "X-Auth-Token",
        "password",
        "db_password",
        "Authorization",
        "secret",
        "SECRET_KEY",
        "clientSecret",
        "credentials",
        "cookie",
        "idempotency_key",
        "keys_of_secret",
    ],
)
def test_these_names_hold_secrets(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "available_tokens",
        "slice_key",
        "cache_key",
        "keys",
        "monkey",
        "provider",
        "keyboard",
        "authority",
        "author",
    ],
)
def test_these_names_do_not(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api_key=abc123", f"api_key={REDACTED}"),
        ("api_key: abc123, next", f"api_key: {REDACTED}, next"),
        ("""{"token": "a b c", "n": 1}""", f"""{{"token": {REDACTED}, "n": 1}}"""),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {REDACTED}"),
        ("sent Bearer abcdef123456", f"sent Bearer {REDACTED}"),
        ("GET /x?api_key=abc&limit=5", f"GET /x?api_key={REDACTED}&limit=5"),
        ("postgresql://aurora:hunter2@db/aurora", f"postgresql://aurora:{REDACTED}@db/aurora"),
        ("docker login -u me -p hunter2 host", f"docker login -u me -p {REDACTED} host"),
        ("KeyError: 'price'", "KeyError: 'price'"),
        ("slice_key=a100|us", "slice_key=a100|us"),
        ("vastai: 502 Bad Gateway", "vastai: 502 Bad Gateway"),
        ("tokens: 87 of 100", "tokens: 87 of 100"),
    ],
)
def test_text_loses_what_is_named_like_a_secret_and_nothing_else(text, expected):
    assert Redactor().text(text) == expected


def test_registered_values_go_in_every_spelling():
    secret = 'pa"ss/wörd\\1'
    redactor = Redactor([secret])

    for spelling in (secret, repr(secret), "pa%22ss%2Fw%C3%B6rd%5C1", '"pa\\"ss/w\\u00f6rd\\\\1"'):
        assert "rd" not in redactor.values(spelling).replace(REDACTED, "")


@pytest.mark.parametrize("harmless", [None, "", "abc", "emulated", "invalid"])
def test_short_and_public_values_are_not_registered(harmless):
    assert Redactor([harmless]).text("an emulated invalid abc") == "an emulated invalid abc"


def test_the_longer_of_two_overlapping_secrets_goes_as_a_whole():
    redactor = Redactor(["abcdef", "abcdef-ghijkl"])

    assert redactor.text("x abcdef-ghijkl y") == f"x {REDACTED} y"


def test_secrets_may_be_registered_later():
    redactor = Redactor()
    redactor.register("first-secret")
    redactor.register("second-secret")

    assert redactor.text("first-secret second-secret") == f"{REDACTED} {REDACTED}"


class Colour(StrEnum):
    RED = "red"


def test_plain_values_stay_what_they_are_and_others_become_text():
    at = datetime(2026, 1, 15, tzinfo=UTC)

    fields = Redactor().fields(
        {
            "a": 1,
            "b": 2.5,
            "c": None,
            "d": True,
            "e": Decimal("1.10"),
            "f": at,
            "g": Colour.RED,
            "h": (1, "x"),
        }
    )

    assert fields == {
        "a": 1,
        "b": 2.5,
        "c": None,
        "d": True,
        "e": "1.10",
        "f": "2026-01-15 00:00:00+00:00",
        "g": "red",
        "h": [1, "x"],
    }


def test_missing_secrets_are_shown_as_missing():
    assert Redactor().fields({"api_key": None, "has_token": True}) == {"api_key": None, "has_token": True}


def test_a_number_that_is_a_secret_goes_too():
    assert Redactor(["12345678"]).fields({"n": 12345678, "m": 5}) == {"n": REDACTED, "m": 5}


def test_endless_nesting_ends_as_text():
    loop: list[object] = ["deep-secret"]
    loop.append(loop)

    assert "deep-secret" not in str(Redactor(["deep-secret"]).fields({"loop": loop}))


class Unprintable:
    def __str__(self):
        raise RuntimeError("no")


def test_what_cannot_be_printed_does_not_stop_the_line():
    assert "Unprintable" in Redactor().fields({"x": Unprintable()})["x"]


def test_a_key_of_a_tenant_is_recognised_wherever_it_stands():
    key = "aur_" + "Zk3v_-" * 7 + "x"

    for said in (f"asked with {key}.", f"https://aurora.example/offers?k={key}", f"['{key}']"):
        assert key not in Redactor().text(said)
    assert Redactor().text("aur_...x9Qk") == "aur_...x9Qk"


def test_its_own_repr_shows_no_secret():
    assert "hunter2" not in repr(Redactor(["hunter2-hunter2"]))
