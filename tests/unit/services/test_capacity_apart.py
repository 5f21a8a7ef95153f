"""Holds of different markets, of different times and of a restored database are kept apart."""

from aurora.services.capacity import CapacityOverlay
from tests.integration.db.deployment_rows import at
from tests.unit.lifecycle.world import offer
from tests.unit.services.test_market import a_hold, a_refusal


def test_machines_of_two_markets_that_are_called_the_same_are_not_the_same():
    overlay = CapacityOverlay()
    hold = a_hold("1", resources=frozenset({"gpu-1"}))
    overlay.take(hold)

    assert list(overlay.on(offer("2", resources=["gpu-1"]))) == [hold]
    assert list(overlay.on(offer("2", provider="other", resources=["gpu-1"]))) == []


def test_what_was_once_another_replicas_and_is_ours_now_is_known():
    overlay = CapacityOverlay()
    knew = overlay.knowledge()
    overlay.learn([a_refusal("1", until=10)])
    assert not knew(a_refusal("1", until=10))

    overlay.expire(at(10))
    own = a_refusal("1", until=70)
    overlay.take(own)

    assert knew(own)


def test_what_a_restored_database_does_not_have_any_more_is_not_passed_over():
    overlay = CapacityOverlay()
    for number in "1234":
        overlay.take(a_hold(number, int(number)))
    seen = overlay.version

    overlay.load([a_hold("4", 4)])

    assert overlay.since(seen) is None
    assert overlay.since(overlay.version) == []
