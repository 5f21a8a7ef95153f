"""Once when it fails, once when it recovers."""

from structlog.testing import capture_logs

from aurora.telemetry.outages import Outages
from tests.fakes.clock import FakeClock


def test_a_failure_that_repeats_is_one_line_and_the_recovery_another():
    clock = FakeClock()
    outages = Outages(clock)
    with capture_logs() as lines:
        for _ in range(50):
            outages.failed("sync", ConnectionError("refused"))
            clock.advance(2)
        for _ in range(5):
            outages.succeeded("sync")

    assert [(line["event"], line["what"]) for line in lines] == [("failing", "sync"), ("recovered", "sync")]
    assert (lines[1]["failures"], lines[1]["seconds"]) == (50, 100)


def test_another_kind_of_failure_is_a_new_fact():
    outages = Outages(FakeClock())
    with capture_logs() as lines:
        outages.failed("sync", ConnectionError("refused"))
        outages.failed("sync", ValueError("rubbish"))

    assert [line["error"] for line in lines] == ["ConnectionError", "ValueError"]


def test_what_never_failed_recovers_silently():
    with capture_logs() as lines:
        Outages(FakeClock()).succeeded("sync")

    assert lines == []


def test_different_things_fail_apart():
    outages = Outages(FakeClock())
    outages.failed("a", "x")
    outages.failed("b", "x")
    outages.succeeded("a")

    assert outages.open == ("b",)
