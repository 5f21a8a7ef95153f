"""Bad cases ordered ahead: what the next deployments will meet (control API, without an id)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aurora.emulators.akash.deployment import Fate
from aurora.emulators.faultbook import FaultBook
from aurora.emulators.faults import BadFault

# Event -> the fate it is of a deployment that is created later.
AHEAD: Mapping[str, str] = {
    "no_bids": "no_bids",
    "bids_above_ceiling": "above_ceiling",
    "manifest_refused": "refuses_manifest",
    "bid_gone": "bid_gone",
}


class Script:
    """Counts of deployments that an event still waits for; None for all of them, for ever."""

    def __init__(self, faults: FaultBook) -> None:
        self._faults = faults
        self._ahead: dict[str, int | None] = {}

    def arm(self, event: str, details: Mapping[str, Any]) -> None:
        """`count` deployments, one unless told; null for ever, 0 to call it off."""
        count = details.get("count", 1)
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 0):
            raise BadFault("count", "must be a whole number, or null for ever")
        self._ahead[event] = count

    def fate(self) -> Fate:
        """What the deployment that is created now will meet."""
        factor = self._faults.take("charge_factor")
        return Fate(
            **{fate: self._take(event) for event, fate in AHEAD.items()},
            never_starts=self._faults.take("never_starts") is not None,
            start_failure=self._faults.take("start_failure") is not None,
            charge_factor=Decimal(str(factor["k"])) if factor else Decimal(1),
        )

    def _take(self, event: str) -> bool:
        left = self._ahead.get(event, 0)
        if left:
            self._ahead[event] = left - 1
        return left is None or left > 0
