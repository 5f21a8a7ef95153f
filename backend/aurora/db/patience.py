"""How long we wait for a database that may be frozen, cut off, or merely slow."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for a whole transaction on Postgres: connection, statements and commit.

    A server that stands still answers no time-out of its own, and each step's own limit would add up. Ending a
    connection that does not answer takes up to 2 s more, so that nobody waits above 5 s for "cannot be done now".
    SQLite needs none: its `busy_timeout` ends every wait, and a cancelled statement there runs on all the same.
    """

    ordinary_s: float = 3.0
    """Of a request, and of each step of the loops."""
    bulk_s: float = 60.0
    """Of what reads or writes a whole catalogue."""
