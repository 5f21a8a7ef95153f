"""Who changed what: one row for every change, and for every attempt at one that was refused for want of a right."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

NOBODY = "anonymous"
"""The actor, and `-` the tenant, of a refused call that presented no key we know."""
NO_TENANT = "-"


class AuditAction(StrEnum):
    """What can be done to Aurora over HTTP."""

    ROUTE = "route.create"
    WHATIF = "route.whatif"
    TERMINATE = "deployment.terminate"
    EXTEND = "deployment.extend"
    SYNC = "providers.sync"
    CHECK = "provider.check"
    RESET = "breaker.reset"
    INVALIDATE = "cache.invalidate"
    TENANT_CREATE = "tenant.create"
    TENANT_CHANGE = "tenant.change"
    TENANT_DISABLE = "tenant.disable"
    KEY_CREATE = "key.create"
    KEY_ROTATE = "key.rotate"
    KEY_REVOKE = "key.revoke"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row. `data` says what a person needs beside it, and never a secret."""

    at: datetime
    tenant: str
    actor: str
    action: str
    """An AuditAction, or one of another release."""
    status: int
    """The HTTP status that the caller was answered with."""
    target: str | None = None
    request_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = None


@dataclass(slots=True)
class Trail:
    """What becomes of one request, for whoever writes its row at the end."""

    written: bool = False
    """The row was committed together with the change."""
    changed: bool = True
    """False: it turned out to change nothing (a dry run, a repeated request)."""
