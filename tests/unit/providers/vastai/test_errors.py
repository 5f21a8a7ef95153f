"""What Vast.ai's error bodies mean, documented ones first."""

from datetime import UTC, datetime

import pytest

from aurora.domain.errors import (
    InstanceNotFound,
    RateLimited,
)
from aurora.domain.operation import Operation
from aurora.providers.answers import Refusal, by_status
from aurora.providers.redaction import Redactor
from aurora.providers.vastai.errors import LeftBehind, explain, refuses

NOW = datetime(2026, 8, 7, 12, 0, 0, tzinfo=UTC)
O = Operation  # noqa: E741 - a table of operations reads better so


def refusal(status, body, headers=None, raw=None):
    raw = raw if raw is not None else str(body)
    return Refusal(
        "vastai", status, body=body, raw=raw, headers=headers or {}, now=NOW, redact=Redactor(["KEYKEY"])
    )


def meaning(operation, status, body, **options):
    found = refusal(status, body, **options)
    return explain(operation)(found) or by_status(found)


NO_ASK = {"error": "no_such_ask", "msg": "no_such_ask Instance type 5 is no longer available."}


@pytest.mark.parametrize("operation", [O.STATUS, O.TERMINATE, O.LOGS])
@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    "body", [None, {"detail": "Not Found"}, {"error": "not_found", "msg": "no such route"}, []]
)
def test_absence_is_believed_only_in_vasts_own_words(operation, status, body):
    found = meaning(operation, status, body, raw="<html>Not Found</html>")

    said_so = status == 410 and body is not None and "error" in body
    assert isinstance(found, InstanceNotFound) is said_so


def test_a_threshold_in_the_text_is_the_pause():
    assert (
        meaning(O.LIST, 429, {"detail": "API requests too frequent endpoint threshold=2.0"}).retry_after
        == 2.0
    )


def test_a_plain_text_429_is_read_too():
    found = meaning(O.STATUS, 429, None, raw="API requests too frequent: endpoint threshold=2.5")

    assert found.retry_after == 2.5


def test_a_create_that_came_too_early_pays_the_documented_penalty():
    assert meaning(O.CREATE, 429, {"detail": "endpoint threshold=4.5"}).retry_after == 12.0


def test_a_retry_after_header_wins():
    assert (
        meaning(O.CREATE, 429, {"detail": "threshold=4.5"}, headers={"Retry-After": "20"}).retry_after == 20.0
    )


def test_a_used_up_quota_lasts_until_its_reset():
    body = {"error": "search_quota_exceeded", "msg": "x"}
    reset = datetime(2026, 8, 8, tzinfo=UTC)

    found = meaning(O.OFFERS, 429, body, headers={"X-RateLimit-Reset": str(int(reset.timestamp()))})

    assert (type(found), found.until, found.retry_after) == (RateLimited, reset, None)


@pytest.mark.parametrize("reset", [None, "", "soon", "0", "99999999999", "-5"])
def test_without_a_sane_reset_the_quota_lasts_until_midnight(reset):
    headers = {} if reset is None else {"X-RateLimit-Reset": reset}

    found = meaning(O.OFFERS, 429, {"error": "search_quota_exceeded"}, headers=headers)

    assert found.until == datetime(2026, 8, 8, tzinfo=UTC)


def test_a_5xx_is_the_providers_failure_whatever_its_body_says():
    assert explain(O.STATUS)(refusal(502, {"error": "no_such_instance", "msg": ""})) is None


@pytest.mark.parametrize(
    ("status", "body", "raw"),
    [
        (400, {"success": False, "error": "invalid_price", "new_contract": 77}, None),
        (200, {"success": False, "msg": "bid too low", "new_contract": "77"}, None),
        (500, {"new_contract": 77.0}, None),
        (400, None, '{"success": false, "new_contract": 77, "msg": "xxxxxxxx'),
    ],
)
def test_a_refused_create_that_names_an_instance_left_it_behind(status, body, raw):
    found = meaning(O.CREATE, status, body, raw=raw)

    assert isinstance(found, LeftBehind)
    assert found.external_id == "77"
    assert found.outcome_known is False


@pytest.mark.parametrize("contract", [None, 0, -3, "x", True, [1]])
def test_what_is_no_instance_id_is_none(contract):
    assert not isinstance(meaning(O.CREATE, 400, {"error": "x", "new_contract": contract}), LeftBehind)


def test_only_a_create_leaves_something_behind():
    assert not isinstance(meaning(O.STATUS, 400, {"error": "x", "new_contract": 7}), LeftBehind)


def test_the_message_is_quoted_without_secrets():
    found = meaning(O.CREATE, 400, {"error": "invalid_args", "msg": "your key KEYKEY is odd"})

    assert "is odd" in str(found)
    assert "KEYKEY" not in str(found)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [({"success": False}, True), ({"success": True}, False), ({}, False), ([], False), (None, False)],
)
def test_a_refusal_with_200_says_success_false(answer, expected):
    assert refuses(answer) is expected
