"""The door of Dispersed: every call is signed, fresh and sent once."""

import hmac
import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aurora.emulators.exchange import Call, Handler, Reply
from aurora.emulators.render import signing

_TOLERANCE = timedelta(minutes=5)
_NONCES_KEPT = timedelta(hours=24)
_NONCE = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_REFUSED_KEY = "pk_invalid"
_EPOCH_DIGITS = re.compile(r"\d{1,15}")


class Refused(Exception):
    """The call is refused. The codes are ours: no document shows one."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def reply(self) -> Reply:
        error = {"code": self.code, "message": str(self)}
        return Reply({"error": error, "emulated": True}, self.status)


def is_signed(call: Call) -> bool:
    """Whether a call is meant for Dispersed and not for the gateway."""
    return "X-API-Key" in call.headers or "X-Signature" in call.headers


class Door:
    def __init__(self) -> None:
        self._nonces: dict[tuple[str, str], datetime] = {}

    def member(self, handler: Handler) -> Handler:
        """Only for a call that is signed; marks its answer as emulated."""

        def guarded(call: Call) -> Reply:
            try:
                self._check(call)
                reply = handler(call)
            except Refused as refusal:
                return refusal.reply()
            return reply.with_body({**reply.body, "emulated": True})

        return guarded

    def _check(self, call: Call) -> None:
        key, sent, nonce, given = (
            call.headers.get(name, "") for name in ("X-API-Key", "X-Time", "X-Nonce", "X-Signature")
        )
        secret = signing.secret_of(key)
        if secret is None or key == _REFUSED_KEY:
            raise Refused(401, "invalid_api_key", "X-API-Key is missing or not a known public key")
        self._check_time(sent, call.now)
        if not _NONCE.fullmatch(nonce):
            raise Refused(401, "invalid_nonce", "X-Nonce must be 16 bytes as hex")
        if not _matches(call, secret, key=key, time=sent, nonce=nonce, given=given):
            raise Refused(401, "invalid_signature", "X-Signature does not match the request")
        self._spend((key, nonce.lower()), call.now)

    def _check_time(self, sent: str, now: datetime) -> None:
        if not _EPOCH_DIGITS.fullmatch(sent):
            raise Refused(401, "invalid_timestamp", "X-Time must be unix milliseconds")
        off = timedelta(milliseconds=abs(int(sent) - round(now.timestamp() * 1000)))
        if off > _TOLERANCE:
            raise Refused(401, "timestamp_out_of_range", "X-Time is more than 5 minutes off")

    def _spend(self, nonce: tuple[str, str], now: datetime) -> None:
        self._nonces = {n: at for n, at in self._nonces.items() if now - at < _NONCES_KEPT}
        if nonce in self._nonces:
            raise Refused(401, "nonce_reused", "X-Nonce was used before")
        self._nonces[nonce] = now


def _matches(call: Call, secret: str, *, key: str, time: str, nonce: str, given: str) -> bool:
    """The path counts as the client sees it, or without the prefix under which the emulator serves this market.

    A body that is not written canonically matches nothing: the real server may hash what it has parsed.
    """
    try:
        body = signing.canonical_body(call.body)
    except ValueError:
        body = call.body
    if body != call.body:
        return False
    prefix = urlsplit(call.base).path
    query = signing.canonical_query(call.raw_query)
    return any(
        hmac.compare_digest(
            signing.signature(
                secret,
                public_key=key,
                time=time,
                nonce=nonce,
                method=call.method,
                path=path,
                query=query,
                body=body,
            ).encode(),
            given.encode(),
        )
        for path in (call.path, call.path.removeprefix(prefix))
    )
