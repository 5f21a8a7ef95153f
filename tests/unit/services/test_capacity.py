"""Capacity that is spoken for, in memory."""

from dataclasses import replace

from aurora.services.capacity import CapacityOverlay
from tests.integration.db.deployment_rows import at
from tests.unit.lifecycle.world import offer
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


def test_following_the_database_takes_and_releases_what_others_did():
    overlay = CapacityOverlay()
    overlay.take(a_hold("1"))
    there = [a_hold("2", 2), a_refusal("3", until=600)]

    assert overlay.follow(there, read_at=at(60))
    assert overlay.present(at(60)) == tuple(there)
    assert list(overlay.on(offer("1"))) == []
    assert list(overlay.on(offer("2"))) == [there[0]]

    version = overlay.version
    overlay.follow(there, read_at=at(61))
    assert overlay.version == version

    launched = replace(there[0], launched_at=at(62))
    overlay.follow([launched], read_at=at(63))
    assert overlay.present(at(63)) == (launched,)
    assert overlay.version != version


def test_what_was_taken_lately_stays_although_the_database_does_not_have_it_yet():
    overlay = CapacityOverlay()
    overlay.take(a_hold("1"))

    assert not overlay.follow([a_hold("2", 2)], read_at=at(5))
    assert overlay.held(a_hold("1"))
    assert overlay.follow([a_hold("2", 2)], read_at=at(30))
    assert not overlay.held(a_hold("1"))


def test_refusals_and_attempts_of_others_are_known_once_they_are_learned():
    overlay = CapacityOverlay()
    assert not overlay.held(a_refusal("1", until=60))

    overlay.learn([a_hold("2", 2), a_refusal("1", until=60)])

    assert overlay.held(a_hold("2", 2))
    assert overlay.held(a_refusal("1", until=60))


def test_a_decision_knows_what_was_known_when_it_was_made():
    overlay = CapacityOverlay()
    overlay.take(a_hold("1"))
    overlay.learn([a_hold("2", 2)])

    knew = overlay.knowledge()
    overlay.take(a_hold("3", 3))
    overlay.learn([a_hold("4", 4), a_hold("2", 2)])
    overlay.launched("dep-1", 4, at(5))

    assert [knew(a_hold(str(n), n)) for n in range(1, 6)] == [True, True, True, False, False]
    assert overlay.knowledge()(a_hold("4", 4))
    overlay.release("dep-1", 2)
    assert not knew(a_hold("2", 2))


def test_what_has_not_changed_in_the_database_is_taken_back_when_we_do_not_have_it():
    overlay = CapacityOverlay()

    assert overlay.follow([a_hold("2", 2)], read_at=at(60), changed=())
    assert overlay.held(a_hold("2", 2))
