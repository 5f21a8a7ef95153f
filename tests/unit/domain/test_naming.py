"""A name says whose an instance is. What we did not make is never ours."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.naming import InstanceName, deployment_key
from aurora.services.intent import new_id

names = st.builds(
    InstanceName,
    installation=st.from_regex(r"[a-z0-9]{6}", fullmatch=True),
    deployment=st.from_regex(r"[a-z0-9]{12}", fullmatch=True),
    attempt=st.integers(1, 999),
)


@given(names)
def test_a_name_is_read_back_as_it_was_made(name):
    assert InstanceName.parse(str(name)) == name


@given(names)
def test_a_name_is_one_that_every_market_takes(name):
    assert re.fullmatch(r"[a-z0-9-]{1,40}", str(name))


@given(names, names)
def test_two_names_are_the_same_only_if_all_their_parts_are(one, other):
    assert (str(one) == str(other)) == (one == other)


@given(st.text() | st.from_regex(r"aurora-[a-z0-9]{5,7}-[a-z0-9]{11,13}-[0-9]{1,4}"))
def test_whatever_is_read_as_a_name_is_exactly_that_name(text):
    found = InstanceName.parse(text)

    assert found is None or str(found) == text


@pytest.mark.parametrize(
    "foreign",
    [
        None,
        "",
        "my-gpu",
        "aurora",
        "aurora-abc123-abcdefghijkl",
        "aurora-abc123-abcdefghijkl-0",
        "aurora-abc123-abcdefghijkl-01",
        "aurora-abc123-abcdefghijkl-1000",
        "aurora-abc12-abcdefghijkl-1",
        "aurora-ABC123-abcdefghijkl-1",
        "Aurora-abc123-abcdefghijkl-1",
        " aurora-abc123-abcdefghijkl-1",
        "aurora-abc123-abcdefghijkl-1 ",
        "aurora-abc123-abcdefghijkl-1\n",
        "aurora-abc123-abcdefghijkl-1-copy",
        "aurora-abc123-abcdefghijkl-\u0661",
    ],
)
def test_a_foreign_name_is_none(foreign):
    assert InstanceName.parse(foreign) is None


def test_a_fresh_deployment_id_fits_into_a_name():
    fresh = new_id("dep")

    name = InstanceName("abc123", deployment_key(fresh), 1)

    assert InstanceName.parse(str(name)) == name
    assert fresh == f"dep-{name.deployment}"
