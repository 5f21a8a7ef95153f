"""Signatures of Dispersed: seven parts joined with bars, HMAC-SHA256 with the secret key."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl, quote

_PUBLIC, _SECRET = "pk_", "sk_"
_NOBODY = "emulated"  # what Aurora sends where no key is set


def secret_of(public_key: str) -> str | None:
    """The emulator keeps no list: the secret of `pk_x` is `sk_x`, that of `emulated` the same. None for what is no public key."""
    if public_key == _NOBODY:
        return _NOBODY
    name = public_key.removeprefix(_PUBLIC)
    return _SECRET + name if public_key.startswith(_PUBLIC) and name else None


def canonical_query(raw: str) -> str:
    """Keys sorted, values sorted within a key, everything but letters, digits and `-._~` escaped."""
    pairs = sorted(parse_qsl(raw, keep_blank_values=True))
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)


def canonical_body(body: bytes) -> bytes:
    """Keys sorted at every depth, no spaces, numbers as JavaScript writes them. Raises ValueError for what is no JSON."""
    if not body:
        return b""
    data = _plain(json.loads(body))
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signature(
    secret: str, *, public_key: str, time: str, nonce: str, method: str, path: str, query: str, body: bytes
) -> str:
    """Lower-case hex. `query` and `body` in their canonical forms."""
    digest = hashlib.sha256(body).hexdigest()
    text = f"{public_key}|{time}|{nonce}|{method.upper()}|{path}|{query}|{digest}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
