"""Dispersed's signature (clients of four unrelated projects, 2026 [2nd]; they quote the vendor's page on it).

Seven parts joined with bars, `publicKey|timestamp|nonce|METHOD|pathname|queryString|bodySha256`, under HMAC-SHA256.
A nonce is remembered for 24 hours and the clock may be off by five minutes: every attempt is signed anew.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from pydantic import SecretStr

from aurora.domain.clock import Clock
from aurora.providers.request import Request, Signed


def fresh_nonce() -> str:
    """16 random bytes in hex."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class DispersedSigner:
    """Signs for one key pair. Fits `aurora.providers.request.Signer`."""

    public_key: SecretStr
    secret_key: SecretStr
    clock: Clock
    nonce: Callable[[], str] = field(default=fresh_nonce)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.secret_key.get_secret_value(), self.public_key.get_secret_value())

    def sign(self, request: Request, *, path: str) -> Signed:
        """The request's exact query and body, with the four headers."""
        query = query_text(request.query or {})
        body = None if request.body is None else canonical_json(request.body)
        time, nonce = str(int(self.clock.now().timestamp() * 1000)), self.nonce()
        digest = hashlib.sha256(body or b"").hexdigest()
        public_key = self.public_key.get_secret_value()
        line = f"{public_key}|{time}|{nonce}|{request.method.upper()}|{path}|{query}|{digest}"
        key = self.secret_key.get_secret_value().encode()
        headers = {
            "X-API-Key": public_key,
            "X-Time": time,
            "X-Nonce": nonce,
            "X-Signature": hmac.new(key, line.encode(), hashlib.sha256).hexdigest(),
        }
        return Signed(query, body, headers)


def query_text(query: Mapping[str, str]) -> str:
    """Sorted by name, percent-encoded with nothing left safe (RFC 3986)."""
    return "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items())
    )


def canonical_json(body: object) -> bytes:
    """Keys sorted at every depth, no blanks, nothing escaped that JavaScript would not escape."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()
