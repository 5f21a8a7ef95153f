"""Python's cyclic garbage collector, set so that it does not hold up the event loop."""

import gc

YOUNG_OBJECTS = 10_000
"""New objects, net, between two passes over the young ones: a pass takes some milliseconds."""
OLDER_PASSES = 200
"""Young passes between two over older objects, and as many of those before a full one."""


def spare_the_loop() -> None:
    """Make full passes rare, and have them leave out what lives now. For the start of `aurora serve`, once.

    A full pass visits every living object: with 20,000 offers in memory it stops the loop for 100 ms and more
    (measured by tests/benchmarks/bench_sync.py), and reading a catalogue for the first time brings on several.
    Offers hold no cycles, so their memory comes back without it.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, OLDER_PASSES, OLDER_PASSES)
