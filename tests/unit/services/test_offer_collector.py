"""The garbage collector of a running Aurora."""

import gc

import pytest

from aurora.services.collector import spare_the_loop


@pytest.fixture
def own_collector():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.freeze()  # as before: what was collected stays


@pytest.mark.usefixtures("own_collector")
def test_full_passes_become_rare_and_leave_out_what_lives_now():
    frozen = gc.get_freeze_count()

    spare_the_loop()

    assert gc.isenabled()
    young, older, oldest = gc.get_threshold()
    assert young <= 2_000, "a pass over so many new offers takes milliseconds"
    assert young * older >= 1_000_000
    assert oldest >= 100
    assert gc.get_freeze_count() > frozen
