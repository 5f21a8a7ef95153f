"""How long the money in escrow lasts. Pure.

The chain counts blocks: what is left at the height `settled_at` drains by the price with every block. A height becomes
a time by the nearest block whose time is known: the newest one of the chain where there is an LCD, else the
deployment's own first block, whose time is in its number.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from aurora.providers.akash.deployments import Deployment
from aurora.providers.akash.lcd import Block
from aurora.providers.akash.pricing import DOLLARS

SHORTEST_BLOCK_S = 5.9
"""Blocks drift between 5.9 and 6.2 s [guess]: the shortest lets the money end a little early, never late."""
BLOCK_S = 6.0
_LONGEST = timedelta(days=3650)


def paid_until(deployment: Deployment, latest: Block | None) -> datetime | None:
    """None when nothing drains, or it cannot be told."""
    price = _dollars(lease.price for lease in deployment.open_leases)
    known, settled_at = anchor(deployment, latest), deployment.escrow.settled_at
    if price <= 0 or known is None or settled_at is None:
        return None
    blocks = settled_at - known.height + float(_dollars([deployment.escrow.funds]) / price)
    longest_s = _LONGEST.total_seconds()
    return known.at + timedelta(seconds=max(-longest_s, min(blocks * SHORTEST_BLOCK_S, longest_s)))


def _dollars(coins: Iterable[Mapping[str, Decimal]]) -> Decimal:
    """Millionths of a USD."""
    return sum(
        (amount for each in coins for denom, amount in each.items() if denom in DOLLARS), start=Decimal(0)
    )


def anchor(deployment: Deployment, latest: Block | None) -> Block | None:
    """A block near this deployment's, with its time."""
    if latest is not None:
        return latest
    first, at = deployment.created_at, deployment.made_at
    return None if first is None or at is None else Block(first, at)


def time_of(height: int | None, known: Block | None) -> datetime | None:
    """About when a block was."""
    if height is None or known is None or abs(height - known.height) * BLOCK_S > _LONGEST.total_seconds():
        return None
    return known.at + timedelta(seconds=(height - known.height) * BLOCK_S)
