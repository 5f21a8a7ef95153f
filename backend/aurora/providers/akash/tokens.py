"""The token that providers accept for logs: one for all own leases, made with the key (Console's code [seen])."""

import base64
import binascii
import json

from aurora.domain.operation import Operation
from aurora.providers.akash.limits import TOKEN
from aurora.providers.akash.parts import Parts
from aurora.providers.fields import Fields

TTL_S = 3600
EARLY_S = 60.0
"""Renewed so long before it expires."""


class Tokens:
    """Makes it once, and again when it is about to expire or was refused."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._token: str | None = None
        self._until = float("-inf")

    async def current(self) -> str:
        """A token with at least `EARLY_S` to go."""
        now = self._parts.clock.monotonic()
        if self._token is None or now >= self._until:
            self._token = await self._parts.call(
                Operation.LOGS, lambda: self._parts.client.token(ttl_s=TTL_S), endpoint=TOKEN
            )
            self._until = now + lifetime_s(self._token) - EARLY_S
        return self._token

    def refused(self) -> None:
        """The provider says that it is no good (any more)."""
        self._token = None


def lifetime_s(token: str) -> float:
    """From its own `iat` and `exp`, at most `TTL_S`: the clocks of the server and ours need not agree."""
    parts = token.split(".")
    if len(parts) != 3:
        return TTL_S
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return TTL_S
    fields = Fields(claims if isinstance(claims, dict) else {})
    made, ends = fields.number("iat"), fields.number("exp")
    if made is None or ends is None or ends <= made:
        return TTL_S
    return min(float(ends - made), float(TTL_S))
