"""The signature of Dispersed, against both published vectors."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from aurora.providers.render.signing import DispersedSigner, canonical_json, fresh_nonce, query_text
from aurora.providers.request import Request
from tests.unit.providers.loopback import SkippingClock

VECTORS = json.loads((Path(__file__).parents[3] / "fixtures" / "render" / "signatures.json").read_text())


class StandingClock(SkippingClock):
    def __init__(self, ms):
        super().__init__()
        self._ms = ms

    def now(self):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self._ms)


def signer(vector):
    return DispersedSigner(
        SecretStr(vector["public_key"]),
        SecretStr(vector["secret_key"]),
        StandingClock(int(vector["time"])),
        nonce=lambda: vector["nonce"],
    )


@pytest.mark.parametrize("vector", VECTORS, ids=[each["method"] for each in VECTORS])
def test_a_request_is_signed_as_in_the_vector(vector):
    request = Request(vector["method"], vector["path"], query=vector["parameters"], body=vector["body"])

    signed = signer(vector).sign(request, path=vector["path"])

    assert signed.query == vector["query"]
    assert signed.headers == {
        "X-API-Key": vector["public_key"],
        "X-Time": vector["time"],
        "X-Nonce": vector["nonce"],
        "X-Signature": vector["signature"],
    }
    assert (signed.body is None) == (vector["body"] is None)


def test_a_body_is_what_javascript_makes_of_the_sorted_object():
    body = {"b": [{"z": 1, "a": "ü€"}], "a": None, "c": 'q"\n'}

    assert canonical_json(body) == '{"a":null,"b":[{"a":"ü€","z":1}],"c":"q\\"\\n"}'.encode()


def test_nothing_is_left_safe_in_a_query():
    assert query_text({"b": "a b/c~", "a[x]": "1,2"}) == "a%5Bx%5D=1%2C2&b=a%20b%2Fc~"


def test_every_request_has_a_nonce_of_its_own_and_no_secret_is_shown():
    found = signer(VECTORS[0])

    assert len({fresh_nonce() for _ in range(100)}) == 100
    assert all(len(fresh_nonce()) == 32 for _ in range(3))
    assert "sk_test_0001" not in repr(found)
    assert set(found.secrets) == {"sk_test_0001", "pk_test_0001"}
