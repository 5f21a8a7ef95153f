"""How patient the reconciler is. All times in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LifecyclePolicy:
    """`interval`: longest time between two looks for due work."""

    interval: float = 2.0
    claim_s: float = 150.0
    """A claim outlives any single step; a dead worker's deployments are taken over after it."""
    step_s: float = 120.0
    """Total deadline of one step's provider calls."""
    batch: int = 50
    concurrent: int = 16
    concurrent_pressed: int = 2
    """Steps at a time while requests wait to be answered."""
    breath: float = 0.05
    """Between two looks for due work while requests wait."""
    start_poll: float = 2.0
    running_poll: float = 10.0
    ending_poll: float = 2.0
    ending_poll_max: float = 60.0
    unreachable_poll: float = 10.0
    lost_after: float = 60.0
    """Without any trustworthy observation for so long, a deployment is `lost`."""
    start_timeout: float = 900.0
    launch_patience: float = 120.0
    """How long an unsent create waits for a provider that cannot be reached and has no alternative."""
    absent_twice_s: float = 1.0
    """Time between the two sightings of absence that make an end a fact."""
    settle_polls: int = 2
    """Successful lists after the market's settling time without our name before `not created` is believed."""
    warn_before: float = 600.0
    refusal_hold: float = 60.0
    drain_s: float = 25.0
    """When the process stops, steps under way get so long to end."""
    log_deadline: float = 6.0
    log_lines: int = 1000
    log_bytes: int = 262_144
    paid_margin: float = 900.0
    """Prepaid time is extended when less than this is left."""
    paid_chunk: float = 3600.0
    """The most that is paid in advance at once."""
    orphan_kill_after: float = 900.0
    orphan_kills_per_hour: int = 3
    orphan_kill_share: float = 0.2
