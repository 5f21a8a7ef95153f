"""Who may come in without a key of a tenant: the holder of the admin key, and whoever calls on this machine."""

import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from aurora.domain.errors import AuroraError
from aurora.services.ports import Caller

_PUBLIC = frozenset(
    {
        "/health",
        "/ready",
        "/metrics",
        "/providers",
        "/docs",
        "/docs/oauth2-redirect",
        "/redoc",
        "/openapi.json",
    }
)
_PUBLIC_BELOW = "/api/v1/provider-health/"
_PROBES = frozenset({"/health", "/ready", "/metrics"})
_READING = frozenset({"GET", "HEAD"})
_OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class AccessRefused(AuroraError):
    """The caller may not do this. `status` 401: a key would help; 403: it would not. `caller`: who it was, if known."""

    def __init__(self, status: int, code: str, detail: str, *, caller: Caller | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.caller = caller


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """`host` is the address we listen on. `allowed_hosts` are further names under which we may be called."""

    live: bool
    host: str
    admin_key: str | None = field(default=None, repr=False)
    allowed_hosts: frozenset[str] = frozenset()

    @property
    def needs_key(self) -> bool:
        """In live mode on an address that others reach, a call without a key may only look at our health."""
        return self.live and not is_loopback(self.host)

    def is_public(self, method: str, path: str) -> bool:
        """Does everybody get to see it?"""
        return method in _READING and (path in _PUBLIC or path.startswith(_PUBLIC_BELOW))

    def without_key(self, method: str, path: str, headers: Headers) -> Caller:
        """The caller who presents no key. Raises AccessRefused.

        A call that comes from a foreign page or under a foreign name is refused: browsers carry pages of others to
        loopback addresses, and those must not spend. What is public stays readable under any name (probes call pods
        by address).
        """
        if self.is_public(method, path):
            return Caller(scopes=frozenset()) if self.needs_key else Caller()
        if self.needs_key:
            raise AccessRefused(401, "unauthenticated", "this call needs Authorization: Bearer <key>")
        self._refuse_foreign(headers)
        return Caller()

    def is_admin(self, key: str) -> bool:
        """Is it the key of AURORA_ADMIN_KEY?"""
        return bool(self.admin_key) and _same(key, self.admin_key or "")

    def _refuse_foreign(self, headers: Headers) -> None:
        if not self._is_own(_host_of(headers.get("host", ""))):
            raise AccessRefused(403, "foreign_host", "called under a foreign Host without a key")
        origin = headers.get("origin")
        if origin is not None and not self._is_own(_origin_host(origin)):
            raise AccessRefused(403, "foreign_origin", "called from a foreign Origin without a key")

    def _is_own(self, host: str) -> bool:
        return host in _OWN_HOSTS or host == self.host.lower() or host in self.allowed_hosts


def is_metered(path: str) -> bool:
    """Does a call count towards its tenant's rate? Probes and scrapes do not."""
    return path not in _PROBES


def bearer(presented: str) -> str | None:
    """The key in an Authorization header; None when there is none."""
    scheme, _, key = presented.partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def is_loopback(host: str) -> bool:
    """Only this machine reaches it."""
    return host.lower() in _OWN_HOSTS or host.startswith("127.")


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def _host_of(header: str) -> str:
    """The name in a Host header, without the port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].rstrip(".").lower()


def _origin_host(origin: str) -> str:
    """The name in an Origin header; empty for `null` and for rubbish."""
    try:
        return (urlsplit(origin).hostname or "").lower()
    except ValueError:
        return ""
