from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain.instance import Endpoint, InstanceState
from aurora.providers.fields import Odd
from aurora.providers.vastai import instances
from tests.unit.providers.loopback import fixture

DOCS = fixture("docs_show_instances_v1.json")["instances"][0]
S = InstanceState


def read(**changes):
    return instances.instance({**DOCS, **changes}, provider="vastai")


def test_the_documented_instance_is_read_field_by_field():
    found = read()

    assert (found.provider, found.external_id, found.name) == ("vastai", "312", "ML Training Job 2025")
    assert (found.state, found.raw_state) == (S.RUNNING, "running")
    assert found.usd_per_hour == Decimal("0.8021")
    assert found.endpoints == (Endpoint("8888", "192.0.2.45", 8888), Endpoint("22", "192.0.2.45", 20000))
    assert found.started_at == datetime(2022, 11, 18, 20, 52, 25, 122318, tzinfo=UTC)
    assert found.attributes["machine_id"] == "12"


def test_an_instance_never_carries_its_jupyter_token():
    found = read(jupyter_token="jupyter-token-value")

    assert "jupyter-token-value" not in repr(found)


def test_two_bindings_of_a_port_are_one_endpoint():
    row = fixture("capture_instance_ports_ipv6.json")["instances"]

    assert instances.instance(row, provider="vastai").endpoints == (Endpoint("22", "203.0.113.62", 42831),)


def test_a_captured_partial_row_is_enough():
    row = fixture("capture_rent_response_and_instance_partial.json")["instance"]

    found = instances.instance(row, provider="vastai")

    assert (found.external_id, found.name, found.usd_per_hour) == ("33402296", None, None)
    assert found.endpoints == (Endpoint("22", "203.0.113.61", 30022),)


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"actual_status": None, "intended_status": "running"}, S.STARTING),
        ({"actual_status": "created"}, S.STARTING),
        ({"actual_status": "loading"}, S.STARTING),
        ({"actual_status": "rebooting"}, S.STARTING),
        ({"actual_status": "running", "intended_status": "running"}, S.RUNNING),
        ({"actual_status": "running", "intended_status": "stopped"}, S.ENDING),
        ({"actual_status": "created", "status_msg": "OCI runtime create failed: Error: x"}, S.FAILED),
        ({"actual_status": "loading", "status_msg": "error pulling image"}, S.FAILED),
        ({"actual_status": "running", "status_msg": "1 error in the log"}, S.RUNNING),
        ({"actual_status": None, "status_msg": "error"}, S.STARTING),
        ({"actual_status": "stopped", "intended_status": "running"}, S.STOPPED),
        ({"actual_status": "frozen"}, S.STOPPED),
        ({"actual_status": "exited"}, S.EXITED),
        ({"actual_status": "offline"}, S.UNREACHABLE),
        ({"actual_status": "unknown"}, S.UNREACHABLE),
        ({"actual_status": "dancing"}, S.UNKNOWN),
        ({"actual_status": 5}, S.UNKNOWN),
        (
            {
                "actual_status": "loading",
                "intended_status": "stopped",
                "cur_state": "stopped",
                "next_state": "stopped",
            },
            S.STOPPED,
        ),
        (
            {
                "actual_status": None,
                "intended_status": "stopped",
                "cur_state": "stopped",
                "next_state": "stopped",
            },
            S.STOPPED,
        ),
        (
            {
                "actual_status": "offline",
                "intended_status": "stopped",
                "cur_state": "stopped",
                "next_state": "stopped",
            },
            S.UNREACHABLE,
        ),
    ],
)
def test_a_status_is_translated_and_an_unknown_one_is_never_failed(row, state):
    assert instances.instance({"id": 1, **row}, provider="vastai").state is state


def test_the_markets_own_word_is_kept():
    assert read(actual_status="dancing").raw_state == "dancing"


def test_the_address_is_trimmed():
    assert read(public_ipaddr=" 192.0.2.45 \n").endpoints[0].host == "192.0.2.45"


def test_an_ipv6_address_makes_a_valid_url():
    assert read(public_ipaddr="2001:db8::7").endpoints[0].url == "http://[2001:db8::7]:8888"


def test_udp_ports_are_named_as_they_were_asked_for():
    found = read(ports={"53/udp": [{"HostIp": "0.0.0.0", "HostPort": "40053"}]})

    assert found.endpoints == (Endpoint("53/udp", "192.0.2.45", 40053),)


@pytest.mark.parametrize(
    "changes",
    [
        {"ports": None},
        {"ports": {}},
        {"ports": [22]},
        {"ports": {"x": []}},
        {"ports": {"22/tcp": [{"HostPort": "99999"}]}},
        {"ports": {"22/tcp": None}},
        {"public_ipaddr": None},
        {"public_ipaddr": "<script>"},
    ],
)
def test_without_a_port_or_an_address_there_is_no_endpoint(changes):
    assert read(**changes).endpoints == ()


@pytest.mark.parametrize(
    ("changes", "rate"),
    [
        ({"dph_total": "0.5"}, Decimal("0.5")),
        ({"dph_total": None}, Decimal("0.8021")),
        ({"dph_total": -1, "search": {}}, None),
        ({"dph_total": None, "search": None}, None),
    ],
)
def test_the_charged_price_is_read_where_it_is_a_price(changes, rate):
    assert read(**changes).usd_per_hour == rate


def test_a_message_is_redacted_and_bounded():
    found = read(status_msg="pull failed -u joe -p hunter2hunter2 registry " + "x" * 5000)

    assert "hunter2hunter2" not in found.message
    assert len(found.message) <= 500


@pytest.mark.parametrize("row", [None, [], "x", {}, {"id": None}, {"id": "x"}, {"id": 0}])
def test_without_an_id_it_cannot_be_said_which_instance_it_is(row):
    with pytest.raises(Odd):
        instances.instance(row, provider="vastai")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted({*DOCS} - {"id"})), json_values, max_size=8))
def test_no_value_in_any_field_makes_reading_fail(changes):
    found = read(**changes)

    assert found.external_id == "312"
    assert found.state is not S.FAILED or changes.get("actual_status") in ("created", "loading")
