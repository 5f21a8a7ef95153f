"""Jobs of the contract into sightings."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.instance import InstanceState as S
from aurora.providers.fields import Fields, Odd
from aurora.providers.gateway.jobs import gone, instance, moment
from tests.unit.providers.gateway.gateway_booth import NAME, job


def seen(**changes):
    return instance(Fields(job(**changes)), provider="aethir")


def reason(code, message="why"):
    return {"code": code, "message": message}


NEVER = {"started_at": None, "billing_started_at": None}


@pytest.mark.parametrize(
    ("changes", "state", "over"),
    [
        ({"status": "queued", **NEVER}, S.STARTING, False),
        ({"status": "provisioning", "started_at": None}, S.STARTING, False),
        ({"status": "running"}, S.RUNNING, False),
        ({"status": "stopping"}, S.ENDING, False),
        ({"status": "succeeded", "exit_code": 0}, S.EXITED, True),
        ({"status": "failed", "status_reason": reason("no_capacity"), **NEVER}, S.FAILED, True),
        ({"status": "failed", "status_reason": reason("image_pull_failed"), **NEVER}, S.FAILED, True),
        ({"status": "failed", "status_reason": reason("start_timeout"), **NEVER}, S.FAILED, True),
        ({"status": "failed", "status_reason": reason("exit_nonzero"), "exit_code": 3}, S.EXITED, True),
        ({"status": "failed", "status_reason": reason("out_of_memory")}, S.EXITED, True),
        ({"status": "failed", "status_reason": reason("node_lost")}, S.STOPPED, True),
        ({"status": "failed", "status_reason": reason("insufficient_funds")}, S.STOPPED, True),
        ({"status": "failed", "status_reason": reason("policy")}, S.STOPPED, True),
        ({"status": "failed", "status_reason": reason("internal")}, S.STOPPED, True),
        ({"status": "failed", "status_reason": None}, S.STOPPED, True),
        ({"status": "cancelled", "status_reason": reason("max_duration")}, S.STOPPED, True),
        ({"status": "cancelled", "status_reason": reason("insufficient_funds")}, S.STOPPED, True),
        ({"status": "hibernating"}, S.UNKNOWN, False),
        ({"status": None}, S.UNKNOWN, False),
        ({"status": 7}, S.UNKNOWN, False),
    ],
)
def test_each_status_has_its_state(changes, state, over):
    found = seen(**changes)

    assert (found.state, found.over) == (state, over)


def test_a_sighting_says_all_that_the_job_says():
    found = seen()

    assert (found.external_id, found.name, found.raw_state) == ("1", NAME, "running")
    assert (found.usd_per_hour, found.charged_usd) == (Decimal("0.354"), Decimal("0.0885"))
    assert [(each.port, each.url) for each in found.endpoints] == [("8080", "http://n17.gw.example:31877")]
    assert found.started_at == moment("2026-06-03T08:00:02Z")
    assert found.attributes["offer_id"] == "rtx4090-24.us-west"


def test_there_is_no_rate_before_the_bill_begins():
    assert seen(status="queued", **NEVER).usd_per_hour is None
    assert seen(status="provisioning", started_at=None).usd_per_hour == Decimal("0.354")


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({"status": "cancelled", "status_reason": reason("user_requested")}, True),
        ({"status": "cancelled", "status_reason": None}, True),
        ({"status": "cancelled", "status_reason": reason("max_duration")}, False),
        ({"status": "stopping", "status_reason": reason("user_requested")}, False),
        ({"status": "succeeded"}, False),
    ],
)
def test_what_its_owner_cancelled_is_gone_and_its_cost_is_kept(changes, absent):
    fields = Fields(job(cost_total="1.062000", **changes))

    error = gone(instance(fields, provider="aethir"), fields)

    assert (error is not None) == absent
    assert error is None or error.charged_usd == Decimal("1.062")


def test_the_reason_and_the_exit_code_are_told():
    found = seen(status="failed", status_reason=reason("exit_nonzero", "token=hunter2-hunter2"), exit_code=3)

    assert found.message.startswith("exit_nonzero: ")
    assert found.message.endswith("exit code 3")
    assert "hunter2" not in found.message


@pytest.mark.parametrize(
    "odd",
    [
        {"host": "a b", "port": 1, "container_port": 1},
        {"host": "evil@inside", "port": 1, "container_port": 1},
        {"host": "a/b", "port": 1, "container_port": 1},
        {"host": "", "port": 1, "container_port": 1},
        {"host": "a", "port": 0, "container_port": 1},
        {"host": "a", "port": 70000, "container_port": 1},
        {"host": "a", "port": 1},
        7,
    ],
)
def test_an_odd_endpoint_is_none(odd):
    assert seen(endpoints=[odd]).endpoints == ()


@pytest.mark.parametrize("odd", [{"id": None}, {"id": "a/b"}, {"id": 7}])
def test_a_job_without_an_id_cannot_be_told(odd):
    with pytest.raises(Odd):
        seen(**odd)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


@given(st.sampled_from(sorted(set(job()) - {"id"})), ODD)
def test_no_value_of_any_field_breaks_the_reader(name, value):
    assert instance(Fields({**job(), name: value}), provider="aethir").external_id == "1"


@given(st.text(max_size=40))
def test_a_moment_is_aware_or_none(text):
    found = moment(text)

    assert found is None or found.utcoffset() is not None
