import time

import pytest

from aurora.providers.redaction import Redactor


@pytest.mark.parametrize(
    "text",
    [
        '{"api_key": "s3cr3tvalue"}',
        '{"instance_api_key":"s3cr3tvalue","x":1}',
        "jupyter_token=s3cr3tvalue&x=1",
        "Authorization: Bearer s3cr3tvalue",
        "authorization: s3cr3tvalue",
        "bearer s3cr3tvalue",
        "password = s3cr3tvalue",
        "docker login failed: -u joe -p s3cr3tvalue registry.example",
        "https://joe:s3cr3tvalue@registry.example/v2/",
        "{'CONTAINER_API_KEY': 's3cr3tvalue'}",
        "X-API-Key: s3cr3tvalue",
    ],
)
def test_what_looks_like_a_credential_is_taken_out(text):
    assert "s3cr3tvalue" not in Redactor()(text)


def test_known_values_are_taken_out_wherever_they_stand_also_url_encoded():
    redact = Redactor(["k/ey+value"])

    assert redact("say k/ey+value or k%2Fey%2Bvalue") == "say *** or ***"


def test_long_hexadecimal_strings_are_taken_out():
    assert Redactor()("token is " + "ab12" * 16) == "token is ***"


def test_short_values_do_not_garble_the_text():
    assert Redactor(["1", ""])("error 1 of 10") == "error 1 of 10"


def test_the_text_is_one_line_of_bounded_length_without_control_characters():
    text = Redactor()("a\x00b\n\n c\ud800 " + "x" * 500, limit=20)

    assert text == "a b c " + "x" * 13 + "…"
    text.encode()


def test_a_longer_secret_is_replaced_before_a_shorter_one_inside_it():
    assert Redactor(["abcd", "abcdefgh"])("abcdefgh") == "***"


def test_a_redactor_does_not_show_what_it_hides():
    assert "hidden-value" not in repr(Redactor(["hidden-value"]))


def test_harmless_texts_stay_readable():
    text = "error 404/3603: no_such_ask Instance type by id 1234567 is not available."

    assert Redactor()(text) == text


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "-u " * 30_000, "://a:" * 20_000, "ab" * 50_000 + "g", "token " * 9000]
)
def test_no_text_takes_long(text):
    started = time.perf_counter()

    Redactor()(text)

    assert time.perf_counter() - started < 0.5
