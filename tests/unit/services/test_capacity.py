"""Capacity that is spoken for, in memory."""

from dataclasses import replace

from aurora.services.capacity import CapacityOverlay
from tests.integration.db.deployment_rows import at
from tests.unit.services.test_market import a_hold, a_refusal


def test_what_is_taken_is_present_until_it_is_released():
    overlay = CapacityOverlay()

    overlay.take(a_hold("1"))
    overlay.take(a_hold("1", 2))
    overlay.release("dep-1", 1)

    assert overlay.present(at(0)) == (a_hold("1", 2),)
    assert overlay.held(a_hold("1", 2))
    assert not overlay.held(a_hold("1", 1))


def test_every_change_is_another_version_and_nothing_else_is():
    overlay = CapacityOverlay()
    versions = [overlay.version]

    for change in (
        lambda: overlay.take(a_hold("1")),
        lambda: overlay.launched("dep-1", 1, at(5)),
        lambda: overlay.release("dep-1", 1),
        lambda: overlay.take(a_refusal("1", until=60)),
        lambda: overlay.present(at(60)),
        lambda: overlay.load([]),
    ):
        change()
        versions.append(overlay.version)
    assert len(set(versions)) == len(versions)

    overlay.release("dep-1", 1)
    overlay.launched("dep-unknown", 1, at(5))
    overlay.present(at(1000))
    assert overlay.version == versions[-1]


def test_only_the_first_confirmation_of_a_launch_counts():
    overlay = CapacityOverlay()
    overlay.take(a_hold("1"))

    overlay.launched("dep-1", 1, at(5))
    overlay.launched("dep-1", 1, at(9))

    assert overlay.present(at(10)) == (a_hold("1", launched_at=at(5)),)


def test_a_newer_refusal_of_an_offer_replaces_the_older_one():
    overlay = CapacityOverlay()

    overlay.take(a_refusal("1", until=60))
    overlay.take(a_refusal("1", until=120))

    assert overlay.present(at(60)) == (a_refusal("1", until=120),)


def test_what_the_database_has_replaces_everything():
    overlay = CapacityOverlay()
    overlay.take(a_hold("1"))
    overlay.take(a_refusal("1"))
    stored = replace(a_hold("2"), deployment_id="dep-2")

    overlay.load([stored, a_refusal("3")])

    assert overlay.present(at(0)) == (stored, a_refusal("3"))
