"""What must come of an auction that goes wrong. Pure data."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AuctionCase:
    """`ends`: the end of each attempt before the DELETE, None for one that runs. `leases`: how many there ever were."""

    name: str
    why: str
    status: str
    ends: tuple[str | None, ...]
    leases: int
    event: str = ""
    fault: str = ""
    count: int | None = 1
    """Deployments (or calls) that it befalls; None is all of them."""
    reason: str = "user"


AUCTIONS = (
    AuctionCase(
        name="no_bids_once",
        event="no_bids",
        status="running",
        ends=("no_capacity", None),
        leases=1,
        why="After two minutes without a bid the deployment is closed and the next offer is tried.",
    ),
    AuctionCase(
        name="never_any_bids",
        event="no_bids",
        count=None,
        status="failed",
        ends=("no_capacity",) * 3,
        leases=0,
        reason="3 attempts were made; the last: akash: no bids after",
        why="Three auctions without a bid are enough; no deposit stays behind.",
    ),
    AuctionCase(
        name="bids_above_the_ceiling_once",
        event="bids_above_ceiling",
        status="running",
        ends=("no_capacity", None),
        leases=1,
        why="A bid above the ceiling is never taken: the next offer is tried.",
    ),
    AuctionCase(
        name="bids_always_above_the_ceiling",
        event="bids_above_ceiling",
        count=None,
        status="failed",
        ends=("no_capacity",) * 3,
        leases=0,
        reason="bids only above the ceiling of",
        why="People read that the bids were too dear, and nothing was leased.",
    ),
    AuctionCase(
        name="bid_gone_at_lease_time",
        event="bid_gone",
        status="running",
        ends=("no_capacity", None),
        leases=1,
        why="The chosen bid is gone and no other is left: the deployment is closed and the next offer is tried.",
    ),
    AuctionCase(
        name="manifest_refused",
        event="manifest_refused",
        status="failed",
        ends=("provider_rejected_request",),
        leases=1,
        reason="manifest cross-validation error",
        why="The same manifest would be refused again: the lease is closed at once and people read why.",
    ),
    AuctionCase(
        name="answer_to_the_lease_lost",
        fault="lost_response",
        status="running",
        ends=(None,),
        leases=1,
        why="The next look shows the lease: no second one is asked for.",
    ),
)
