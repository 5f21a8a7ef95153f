"""A key of a tenant, without its secret: only whoever made it has ever seen that."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key. `hint` is the end of the secret, so that people can tell keys apart."""

    id: str
    tenant: str
    name: str
    hint: str
    scopes: frozenset[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    rotated_from: str | None = None
    last_used_at: datetime | None = None
    """To about a minute: it is not written with every request."""

    def ended(self, now: datetime) -> str | None:
        """Why it opens nothing any more: `revoked`, `expired`; None while it is good."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return None
