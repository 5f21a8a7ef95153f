"""Tokens for the providers' gateways: made by the Console, checked by the gateways (contract, section 10.1)."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from aurora.emulators.akash import asked, guard, replies
from aurora.emulators.akash.estate import Estate
from aurora.emulators.exchange import Call, Reply

SCOPES = (
    *("send-manifest", "get-manifest", "logs", "shell", "events", "status"),
    *("restart", "hostname-migrate", "ip-migrate", "attestation"),
)
_BYTES = 32  # of each half of a signature


class TokenRefused(Exception):
    """What a gateway says to a token: status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def expired(self) -> bool:
        return self.message == "JWT is expired"


@dataclass(frozen=True)
class Errand:
    """What somebody wants at a provider."""

    provider: str
    scope: str
    dseq: str
    gseq: int = 1


class Tokens:
    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        seed = hashlib.sha256(f"{estate.network.seed}:akash:key".encode()).digest()
        self._secret = int.from_bytes(seed)
        self._made = 0
        self._revoked = 0  # tokens up to this number count as expired

    def create(self, call: Call) -> Reply:
        data = asked.inner(guard.document(call))
        ttl = asked.whole(data.get("ttl"), ["data", "ttl"])
        asked.bounded(ttl, ["data", "ttl"], least=1)
        leases = asked.record(data.get("leases"), ["data", "leases"])
        _check_access(leases, ["data", "leases"])
        self._made += 1
        issued = int(call.now.timestamp())
        claims = {
            "version": "v1",
            "iss": self._estate.owner,
            "iat": issued,
            "nbf": issued,
            "exp": issued + ttl,
            "jti": f"{self._made:08x}-{self._estate.network.chain.transaction('token', self._made)[:24].lower()}",
            "leases": dict(leases),
        }
        return Reply({"data": {"token": self._signed(claims)}}, 201)

    def expire(self) -> None:
        """Let all tokens made until now be expired (control API)."""
        self._revoked = self._made

    def check(self, token: str, errand: Errand, now: datetime) -> None:
        """Raises TokenRefused unless the token is good for the errand."""
        claims = self._claims(token)
        revoked = int(claims["jti"].partition("-")[0], 16) <= self._revoked
        if revoked or now.timestamp() >= claims["exp"]:
            raise TokenRefused(401, "JWT is expired")
        if claims["iss"] != self._estate.owner or not _allows(claims["leases"], errand):
            raise TokenRefused(401, "unauthorized access")

    def _claims(self, token: str) -> dict[str, Any]:
        if not token:
            raise TokenRefused(400, "JWT is missing")
        try:
            head, body, signature = token.split(".")
            raw = _unpacked(signature)
            proof = encode_dss_signature(int.from_bytes(raw[:_BYTES]), int.from_bytes(raw[_BYTES:]))
            algorithm = ec.ECDSA(hashes.SHA256())
            self._key.public_key().verify(proof, f"{head}.{body}".encode(), algorithm)
            claims: dict[str, Any] = json.loads(_unpacked(body))
        except (ValueError, InvalidSignature):
            raise TokenRefused(401, "JWT is invalid") from None
        return claims

    def _signed(self, claims: Mapping[str, Any]) -> str:
        head = _packed(json.dumps({"alg": "ES256K", "typ": "JWT"}).encode())
        text = f"{head}.{_packed(json.dumps(claims).encode())}"
        proof = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_packed(b''.join(part.to_bytes(_BYTES) for part in proof))}"

    @property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self._secret, ec.SECP256K1())


def _check_access(leases: Mapping[str, Any], path: Sequence[str | int]) -> None:
    """The shape of what a token allows. Raises Refused."""
    access = leases.get("access")
    allowed = {"full": {"access"}, "scoped": {"access", "scope"}, "granular": {"access", "permissions"}}
    if access not in allowed:
        raise replies.invalid([*path, "access"], "invalid_union_discriminator", "Invalid discriminator value")
    extra = sorted(leases.keys() - allowed[access])
    if extra:
        raise replies.invalid(path, "unrecognized_keys", f"Unrecognized key(s) in object: '{extra[0]}'")
    if access == "scoped":
        _check_scopes(leases.get("scope"), [*path, "scope"])
    if access == "granular":
        for number, row in enumerate(asked.rows(leases.get("permissions"), [*path, "permissions"])):
            asked.text(
                asked.record(row, [*path, "permissions", number]).get("provider"),
                [*path, "permissions", number, "provider"],
            )


def _check_scopes(scopes: Any, path: Sequence[str | int]) -> None:
    for number, scope in enumerate(asked.rows(scopes, path)):
        if scope not in SCOPES:
            raise replies.invalid([*path, number], "invalid_enum_value", "Invalid enum value")


def _allows(leases: Mapping[str, Any], errand: Errand) -> bool:
    access = leases["access"]
    if access == "granular":
        return any(
            row["provider"] == errand.provider and _row_allows(row, errand) for row in leases["permissions"]
        )
    return access == "full" or errand.scope in leases["scope"]


def _row_allows(row: Mapping[str, Any], errand: Errand) -> bool:
    if row.get("access") == "full":
        return True
    if row.get("access") == "scoped":
        return errand.scope in (row.get("scope") or ())
    return any(
        str(one.get("dseq")) == errand.dseq
        and one.get("gseq") in {None, errand.gseq}
        and errand.scope in (one.get("scope") or ())
        for one in row.get("deployments") or ()
    )


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
