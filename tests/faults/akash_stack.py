"""Both markets emulated, and one that is at fault: Akash, with Vast.ai beside it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aurora.emulators.options import EmulatorOptions
from aurora.providers.akash.limits import BIDS, LEASE, LOG_SOCKET, PRICES
from tests.faults.kinds import FAULTS
from tests.faults.scenes import Scene
from tests.faults.stack import OFFERS as VAST_OFFERS
from tests.faults.stack import REQUEST, TIMEOUT_S, VAST, Emulator, Ground

AKASH = "akash"

OFFERS, QUOTE, CREATE, LEASE_OF, STATUS = "offers", "quote", "create", "lease", "status"
LIST, LOGS, TERMINATE, HEALTH = "list", "logs", "terminate", "health"
OPERATIONS = (OFFERS, QUOTE, CREATE, LEASE_OF, STATUS, LIST, LOGS, TERMINATE, HEALTH)
"""As the emulator calls them; a quote is a read of the bids."""

CALLS: Mapping[str, tuple[str, str]] = {
    OFFERS: ("offers", PRICES),
    QUOTE: ("status", BIDS),
    CREATE: ("create", "create"),
    LEASE_OF: ("create", LEASE),
    STATUS: ("status", "status"),
    LIST: ("list", "list"),
    LOGS: ("logs", LOG_SOCKET),
    TERMINATE: ("terminate", "terminate"),
    HEALTH: ("health", "health"),
}
"""Operation and endpoint of Aurora's own calls that meet a fault of this name."""

_NO_DEPLOYMENT = {"error": "NotFoundError", "message": "Deployment not found", "code": "not_found"}
_BID_GONE = {
    "error": "BadRequestError",
    "message": "Failed to create lease: Cannot create lease: The selected bid is no longer open.",
}
_SPOKEN: Mapping[str, Mapping[str, Any]] = {LEASE_OF: _BID_GONE}


class AkashEmulator(Emulator):
    """The control API for Akash."""

    market = AKASH
    over = frozenset({"closed", "insufficient_funds"})

    async def post_fault(self, fault: str, operation: str, **more: Any) -> int:
        """201, or 422 for a fault that makes no sense there. A 404 is spoken in the Console's words."""
        body = {"body": _SPOKEN.get(operation, _NO_DEPLOYMENT)} if fault == "404 spoken" else {}
        return await self.post({**FAULTS[fault], **body, "operation": operation, **more})

    async def happen(self, event: str, **details: Any) -> None:
        """Something befalls a deployment, or the next ones."""
        url = f"{self.url}/_emulator/{AKASH}/events"
        async with self._session.post(url, json={"event": event, **details}) as answer:
            assert answer.status < 300, await answer.text()


class AkashGround(Ground):
    """Auctions take two minutes at most, so a start is waited for longer than at Vast.ai."""

    emulator = AkashEmulator
    request = replace(REQUEST, providers=frozenset({AKASH}))
    options = EmulatorOptions(providers=(VAST, AKASH), offers=VAST_OFFERS, state_speed=2)
    markets = (AKASH,)
    changes: Mapping[str, Any] = {
        "akash_timeout": TIMEOUT_S,
        "akash_rate_limit": 100_000,
        "akash_sync_interval": 3600,
        "start_timeout": 150,
    }


class AkashScene(Scene):
    """The stack under one fault of Akash."""

    def met(self) -> list[Any]:
        return [
            call
            for began, call in self.stack.heard.calls
            if began >= self._began
            and call.provider == AKASH
            and (call.operation.value, call.endpoint) == CALLS[str(self.operation)]
        ]
