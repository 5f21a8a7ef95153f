"""Workload secrets at rest are opened only with the key they were sealed with, and only whole."""

import base64
import stat
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.request import Workload
from aurora.services.sealing import SealBroken, Sealer, own_secret

SEALER = Sealer("the key")
BARE = Workload("nginx:1.27", command=("run",), ports=("8080",), disk_gb=20)
SECRET = replace(BARE, env={"HF_TOKEN": "hf_very_secret"}, registry_login="user:very-secret-password")


@given(env=st.dictionaries(st.text(), st.text()), login=st.none() | st.text())
def test_what_was_sealed_is_opened_as_it_was(env, login):
    workload = replace(BARE, env=env, registry_login=login)

    assert SEALER.open(SEALER.seal(workload), BARE) == workload


def test_the_same_secret_looks_different_each_time_and_shows_nothing():
    one, other = SEALER.seal(SECRET), SEALER.seal(SECRET)

    assert one != other
    for text in (one, base64.urlsafe_b64decode(one).decode("latin-1")):
        assert "secret" not in text
        assert "HF_TOKEN" not in text


def test_another_key_opens_nothing():
    with pytest.raises(SealBroken, match="SECRET_KEY"):
        Sealer("another key").open(SEALER.seal(SECRET), BARE)


def test_the_same_key_opens_it_in_another_process():
    assert Sealer("the key").open(SEALER.seal(SECRET), BARE) == SECRET


def test_the_previous_key_opens_and_the_present_one_seals():
    both = Sealer("new key", "the key")
    old = SEALER.seal(SECRET)

    assert both.open(old, BARE) == SECRET
    assert both.opens(old)
    renewed = both.resealed(old)
    assert renewed is not None
    assert Sealer("new key").open(renewed, BARE) == SECRET
    assert both.resealed(renewed) is None
    with pytest.raises(SealBroken):
        SEALER.open(both.seal(SECRET), BARE)
    with pytest.raises(SealBroken):
        both.resealed(Sealer("a third key").seal(SECRET))


@pytest.mark.parametrize("place", [0, 10, 40, -30, -1])
def test_one_changed_byte_breaks_the_seal(place):
    raw = bytearray(base64.urlsafe_b64decode(SEALER.seal(SECRET)))
    raw[place] ^= 1

    with pytest.raises(SealBroken):
        SEALER.open(base64.urlsafe_b64encode(raw).decode(), BARE)


@pytest.mark.parametrize("rubbish", ["", "x", "not base64 !", SEALER.seal(SECRET)[:-8]])
def test_what_was_never_sealed_is_not_opened(rubbish):
    with pytest.raises(SealBroken):
        SEALER.open(rubbish, BARE)


def test_a_workload_shows_its_secrets_in_no_text():
    assert "secret" not in repr(SECRET)


def test_an_own_key_is_made_once_and_is_for_its_owner_only(tmp_path):
    place = tmp_path / "folder" / "secret.key"

    first = own_secret(place)

    assert len(first) >= 43
    assert own_secret(place) == first
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert own_secret(tmp_path / "other.key") != first


def test_what_has_no_secret_is_sealed_once_for_all():
    assert SEALER.seal(BARE) is SEALER.seal(replace(BARE, image="other:1"))
    assert SEALER.open(SEALER.seal(BARE), BARE) == BARE
    assert SEALER.seal(replace(BARE, registry_login="")) != SEALER.seal(BARE)
