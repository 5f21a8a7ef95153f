"""Who may do what: an admin key, or nobody but this machine."""

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
_READING = frozenset({"GET", "HEAD"})
_OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class AccessRefused(AuroraError):
    """The caller may not do this. `status` 401: a key would help; 403: it would not."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


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

    def admit(self, method: str, path: str, headers: Headers) -> Caller:
        """The caller. Raises AccessRefused.

        A presented key must be right, even where none is needed: a script with a stale key should learn so.
        Without a key a call that comes from a foreign page or under a foreign name is refused: browsers carry
        pages of others to loopback addresses, and those must not spend. What is public stays readable under any
        name (probes call pods by address).
        """
        presented = headers.get("authorization")
        if presented is not None:
            return self._holder(presented)
        if method in _READING and (path in _PUBLIC or path.startswith(_PUBLIC_BELOW)):
            return Caller(scopes=frozenset()) if self.needs_key else Caller()
        if self.needs_key:
            raise AccessRefused(401, "unauthenticated", "this call needs Authorization: Bearer <key>")
        self._refuse_foreign(headers)
        return Caller()

    def _holder(self, presented: str) -> Caller:
        scheme, _, key = presented.partition(" ")
        known = self.admin_key
        if scheme.lower() != "bearer" or not known or not _same(key.strip(), known):
            raise AccessRefused(401, "unauthenticated", "the presented key is not valid")
        return Caller(actor="admin")

    def _refuse_foreign(self, headers: Headers) -> None:
        if not self._is_own(_host_of(headers.get("host", ""))):
            raise AccessRefused(403, "foreign_host", "called under a foreign Host without a key")
        origin = headers.get("origin")
        if origin is not None and not self._is_own(_origin_host(origin)):
            raise AccessRefused(403, "foreign_origin", "called from a foreign Origin without a key")

    def _is_own(self, host: str) -> bool:
        return host in _OWN_HOSTS or host == self.host.lower() or host in self.allowed_hosts


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
