"""The mapping table of the contract, row by row."""

from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.domain.instance import Endpoint, InstanceState
from aurora.providers.akash import sightings
from aurora.providers.akash.deployments import Listing, deployment
from aurora.providers.akash.escrow import paid_until
from aurora.providers.akash.lcd import Block
from aurora.providers.akash.memory import Known
from aurora.providers.fields import Fields, Odd
from tests.unit.providers.akash.booth import FAR, FIRST_HEIGHT, NAME, NEAR, OWNER, services, uact
from tests.unit.providers.loopback import START

DSEQ = str(int(START.timestamp() * 1000))
S = InstanceState


def lease(state="active", *, reason="lease_closed_invalid", status=None, at=FIRST_HEIGHT, **more):
    key = {"owner": OWNER, "dseq": DSEQ, "gseq": 1, "oseq": 1, "provider": NEAR}
    made = {
        "id": key,
        "state": state,
        "reason": reason,
        "status": status,
        "price": uact(2.5),
        "created_at": str(at),
    }
    return {**made, **more}


def told(*leases, state="active", escrow="open", funds=5_000_000, settled=FIRST_HEIGHT, **more):
    at = {"owner": OWNER, "dseq": DSEQ}
    return {
        "deployment": {"id": at, "state": state, "hash": "x", "created_at": str(FIRST_HEIGHT)},
        "leases": list(leases),
        "escrow_account": {
            "state": {
                "state": escrow,
                "settled_at": str(settled),
                "funds": [{"denom": "uact", "amount": f"{funds}.000000000000000000"}],
            }
        },
        **more,
    }


def seen(row, known=None, *, after_s=0.0):
    known = known if known is not None else Known(0.0, name=NAME)
    now = START + timedelta(seconds=after_s)
    return sightings.instance(deployment(Fields(row)), known, provider="akash", now=now, latest=None)


RAN = {"ran": True, "delivered": True}
TABLE = [
    ("no lease yet", told(), {}, 0, S.PREPARING),
    ("lease, no manifest confirmed", told(lease()), {}, 30, S.PREPARING),
    ("lease, manifest sent, provider silent", told(lease()), {"delivered": True}, 30, S.STARTING),
    ("lease, silent past the manifest's time", told(lease()), {}, 400, S.STARTING),
    ("service not up", told(lease(status=services(0))), {}, 30, S.STARTING),
    ("services missing", told(lease(status={"services": {}})), {"delivered": True}, 30, S.STARTING),
    ("all up", told(lease(status=services(1))), {}, 30, S.RUNNING),
    ("was up, silent now", told(lease()), RAN, 30, S.UNREACHABLE),
    ("old lease, silent, after a restart", told(lease()), {}, 4000, S.UNREACHABLE),
    ("was up, container down", told(lease(status=services(0))), RAN, 30, S.STARTING),
    ("reclaiming", told(lease("reclaiming", status=services(1))), {}, 30, S.RUNNING),
    ("evicted", told(lease("closed", reason="lease_closed_reason_unstable")), RAN, 30, S.STOPPED),
    (
        "evicted before it ran",
        told(lease("closed", reason="lease_closed_reason_decommission")),
        {},
        30,
        S.STOPPED,
    ),
    (
        "no manifest in time",
        told(lease("closed", reason="lease_closed_reason_manifest_timeout")),
        {},
        30,
        S.FAILED,
    ),
    ("lease out of funds", told(lease("insufficient_funds")), RAN, 30, S.STOPPED),
    ("escrow overdrawn", told(lease(), escrow="overdrawn"), RAN, 30, S.STOPPED),
    (
        "closed, out of funds",
        told(lease("insufficient_funds"), state="closed", escrow="overdrawn"),
        {},
        30,
        S.STOPPED,
    ),
    ("a lease state of tomorrow", told(lease("dreaming")), RAN, 30, S.UNKNOWN),
    ("a deployment state of tomorrow", told(state="dreaming"), {}, 30, S.UNKNOWN),
]


@pytest.mark.parametrize(
    ("row", "known", "after_s", "state"), [each[1:] for each in TABLE], ids=[each[0] for each in TABLE]
)
def test_the_mapping_table(row, known, after_s, state):
    assert seen(row, Known(0.0, name=NAME, **known), after_s=after_s).state is state


@pytest.mark.parametrize(
    ("row", "ended", "gone"),
    [
        (told(), False, False),
        (told(state="closed"), False, True),
        (told(lease("closed", reason="lease_closed_owner"), state="closed"), False, True),
        (told(lease("insufficient_funds"), state="closed", escrow="overdrawn"), False, False),
        (told(lease("insufficient_funds"), state="closed", escrow="overdrawn"), True, True),
        (told(), True, False),
    ],
)
def test_a_closed_deployment_is_gone_but_out_of_funds_is_said_until_we_close_it(row, ended, gone):
    assert sightings.gone(deployment(Fields(row)), Known(0.0, ended=ended)) is gone


def test_price_endpoints_and_host_of_a_running_one():
    found = seen(told(lease(status=services(1))))

    assert found.usd_per_hour == found.quoted_usd_per_hour == Decimal("2.5")
    assert found.endpoints == (
        Endpoint("8080", "provider.example.net", 31457),
        Endpoint("53/udp", "provider.example.net", 31458),
    )
    assert found.attributes["provider"] == NEAR
    assert found.started_at == START


def test_the_captured_uact_price_is_the_captured_dollar_price():
    row = lease(status=services(1))
    row["price"] = {"denom": "uact", "amount": "4262.041502000000000000"}

    assert seen(told(row)).usd_per_hour == Decimal("2.557224902")


def test_a_price_in_a_currency_that_floats_is_unknown():
    row = lease(status=services(1))
    row["price"]["denom"] = "uakt"

    assert (seen(told(row)).usd_per_hour, seen(told(row)).paid_until) == (None, None)


def test_the_ingress_is_port_80_and_a_portless_service_has_no_endpoint():
    status = {"services": {"app": {"available": 1, "total": 1, "uris": ["x.ingress.example.net"]}}}
    portless = {"services": {"worker": {"available": 1, "total": 1, "uris": ["y.ingress.example.net"]}}}

    assert seen(told(lease(status=status))).endpoints == (Endpoint("80", "x.ingress.example.net", 80),)
    assert seen(told(lease(status=portless))).endpoints == ()


def test_a_reclaimed_lease_says_until_when():
    row = lease("reclaiming", status=services(1), reclamation={"deadline": int(START.timestamp()) + 3600})

    found = seen(told(row))

    assert "2026-06-03 09:00 UTC" in found.message
    assert "reclaimed_at" in found.attributes


def test_the_escrow_lasts_as_long_as_its_blocks():
    # 5 USD at 2.5 USD/h are two hours: 1200 blocks of at least 5.9 s.
    left = seen(told(lease(status=services(1)))).paid_until - START

    assert left.total_seconds() == pytest.approx(1200 * 5.9, abs=0.01)


def test_a_later_settlement_and_the_newest_block_move_the_end():
    row = deployment(Fields(told(lease(), settled=FIRST_HEIGHT + 600, funds=2_500_000)))

    by_dseq = paid_until(row, None) - START
    by_block = paid_until(row, Block(FIRST_HEIGHT + 600, START)) - START

    assert by_dseq.total_seconds() == pytest.approx(1200 * 5.9, abs=0.01)
    assert by_block.total_seconds() == pytest.approx(600 * 5.9, abs=0.01)


def test_nothing_is_paid_where_nothing_drains():
    assert seen(told()).paid_until is None


def test_leases_of_other_deployments_are_not_believed_and_are_put_where_they_belong():
    stray = lease()
    stray["id"] = {**stray["id"], "dseq": "42", "provider": FAR}
    listing = Listing()

    listing.add([told(stray)])

    assert listing.rows[DSEQ].leases == ()
    assert [each.provider for each in listing.leases_of("42")] == [FAR]


def test_a_deployment_without_a_number_is_odd():
    with pytest.raises(Odd):
        deployment(Fields({"deployment": {"id": {}}}))


@pytest.mark.parametrize(
    "where",
    [
        {"name": NAME},
        {"settings": {"name": NAME}},
        {"groups": [{"group_spec": {"name": NAME}}]},
        {"name": "app", "groups": [{"group_spec": {"name": NAME}}]},
    ],
)
def test_our_name_is_found_wherever_era_b_says_it(where):
    assert deployment(Fields(told(**where))).name == NAME


def test_an_unknown_value_is_no_name_and_no_hash():
    row = told(groups=[{"group_spec": {"name": "unknown_value"}}])
    row["deployment"]["hash"] = "unknown_value"

    found = deployment(Fields(row))

    assert (found.name, found.hash) == (None, None)
