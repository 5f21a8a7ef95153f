"""What every endpoint that is no GET does, in the words of the audit log."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from aurora.domain.audit import AuditAction

_HEALTH = "/api/v1/provider-health"


@dataclass(frozen=True, slots=True)
class Audited:
    """`target` names the parameter of path or query that says what it is done to."""

    action: AuditAction
    target: str | None = None
    changes: bool = True
    """False: it changes nothing, so that only its refusals are of interest."""
    committed: bool = True
    """Its row is committed together with the change; False: the change is not one of the database."""


AUDITED: Mapping[tuple[str, str], Audited] = {
    ("POST", "/route"): Audited(AuditAction.ROUTE),
    ("POST", "/route/whatif"): Audited(AuditAction.WHATIF, changes=False),
    ("DELETE", "/deployments/{deployment_id}"): Audited(AuditAction.TERMINATE, "deployment_id"),
    ("POST", "/deployments/{deployment_id}/extend"): Audited(AuditAction.EXTEND, "deployment_id"),
    ("POST", "/api/v1/providers/sync"): Audited(AuditAction.SYNC, committed=False),
    ("POST", f"{_HEALTH}/providers/{{name}}/health-check"): Audited(
        AuditAction.CHECK, "name", committed=False
    ),
    ("POST", f"{_HEALTH}/circuit-breakers/{{name}}/reset"): Audited(
        AuditAction.RESET, "name", committed=False
    ),
    ("POST", f"{_HEALTH}/cache/invalidate"): Audited(AuditAction.INVALIDATE, "provider", committed=False),
    ("POST", "/api/v1/tenants"): Audited(AuditAction.TENANT_CREATE),
    ("PATCH", "/api/v1/tenants/{tenant_id}"): Audited(AuditAction.TENANT_CHANGE, "tenant_id"),
    ("DELETE", "/api/v1/tenants/{tenant_id}"): Audited(AuditAction.TENANT_DISABLE, "tenant_id"),
    ("POST", "/api/v1/tenants/{tenant_id}/keys"): Audited(AuditAction.KEY_CREATE, "tenant_id"),
    ("POST", "/api/v1/keys/{key_id}/rotate"): Audited(AuditAction.KEY_ROTATE, "key_id"),
    ("DELETE", "/api/v1/keys/{key_id}"): Audited(AuditAction.KEY_REVOKE, "key_id"),
}
"""By method and path; a test holds it against the application."""

_PATTERNS = [
    (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), audited)
    for (method, path), audited in AUDITED.items()
]


@dataclass(frozen=True, slots=True)
class Matched:
    """One request's place in AUDITED."""

    audited: Audited
    target: str | None


def match(method: str, path: str, query: bytes) -> Matched | None:
    """None for what is no endpoint of ours that could change something."""
    for known, pattern, audited in _PATTERNS:
        found = pattern.fullmatch(path) if known == method else None
        if found is not None:
            named = found.groupdict().get(audited.target or "") or _queried(query, audited.target)
            return Matched(audited, None if named is None else _printable(named))
    return None


def _queried(query: bytes, name: str | None) -> str | None:
    values = parse_qs(query.decode("latin-1")).get(name or "", [])
    return values[0] if values else None


def _printable(text: str) -> str:
    """The database takes no zero bytes, and a person reads it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:255]
