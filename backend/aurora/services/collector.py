"""Python's cyclic garbage collector, set so that it does not hold up the event loop."""

import gc

YOUNG_OBJECTS = 2_000
"""New objects, net, between two passes over the young ones: a pass takes a millisecond, offers being large."""
OLDER_PASSES = 2_000
"""Young passes between two over older objects, those of `look_over_the_young` included."""
FULL_PASSES = 200
"""Passes over older objects between two over all."""


def spare_the_loop() -> None:
    """Make full passes rare, and have them leave out what lives now. For the start of `aurora serve`, once.

    A full pass visits every living object: with 20,000 offers in memory it stops the loop for 100 ms and more
    (measured by tests/benchmarks/bench_sync.py), and reading a catalogue for the first time brings on several.
    Offers hold no cycles, so their memory comes back without it.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, OLDER_PASSES, FULL_PASSES)


def look_over_the_young() -> None:
    """Pass over what is new now, before it becomes much. For after some hundreds of new offers.

    Offers that take the place of others do not count as new objects, net: the collector would wait until there are
    tens of thousands of them, and then hold up the loop for as long as they take together.
    """
    gc.collect(0)
