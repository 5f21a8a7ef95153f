"""Secrets leave no trace: by the name they are kept under, and by their registered values."""

import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
_SHORTEST = 6
"""Values below this many characters are not registered: they would blank out ordinary words."""
_DEPTH = 8
"""Levels of nesting that are walked; deeper parts are turned to text first."""

_SECRET_WORD = re.compile(
    r"(?:api|secret|access|private|auth|session|refresh|signing|bearer)*(?:key|token)"
    r"|keys|pwd|passwd|authorization|cookie"
    r"|.*(?:password|passphrase|secret|credential).*"
)
_HARMLESS = frozenset({"cache_key", "slice_key", "deployment_key", "keys"})
"""Names of ours that look secret and are not; without them a log line could not say which slice failed."""

_ASSIGNMENT = re.compile(
    r"""(?P<name>[A-Za-z][\w-]*)(?P<sep>\\?["']?\s*[=:]\s*\\?)(?P<scheme>(?:Bearer|Basic|Token)\s+)?"""
    r"""(?P<value>"[^"]*"|'[^']*'|\[redacted\]|[^\s"'&,;)}\]]+)""",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_OWN_KEY = re.compile(r"\baur_[A-Za-z0-9_-]{20,}")
"""A tenant's key: nobody registered it, for nobody keeps it."""
_LOGIN = re.compile(r"(?P<front>-u\s+\S+\s+-p\s+)\S+")
_USERINFO = re.compile(r"(?P<front>[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """True for names such as `api_key`, `Authorization`, `X-Auth-Token`, `secretKey`, `db_password`.

    Counts such as `available_tokens` and a few names of ours (`slice_key`) are not secrets.
    """
    lowered = name.lower().replace("-", "_")
    if lowered in _HARMLESS:
        return False
    return any(_SECRET_WORD.fullmatch(word) for word in lowered.split("_") if word)


def _spellings(value: str) -> set[str]:
    """The value as it looks after being logged raw, through repr, JSON or a URL."""
    return {
        value,
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe=""),
        quote_plus(value),
    }


class Redactor:
    """Knows the secret values of this process and takes them, and anything named like one, out of what is logged.

    >>> Redactor(["s3cr3t-value"]).text("refused: s3cr3t-value")
    'refused: [redacted]'
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.register(*secrets)

    def __repr__(self) -> str:
        return f"Redactor({len(self._values)} secrets)"

    def register(self, *secrets: str | None, known: Iterable[str] = ("emulated", "invalid")) -> None:
        """Add values that must never be written. None, short ones and the emulators' public keys are left out."""
        public = set(known)
        for secret in secrets:
            cleaned = (secret or "").strip()
            if len(cleaned) >= _SHORTEST and cleaned not in public:
                self._values.update(_spellings(cleaned))
        longest_first = sorted(self._values, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def values(self, text: str) -> str:
        """`text` without any registered value, in whatever spelling."""
        return self._pattern.sub(REDACTED, text) if self._pattern else text

    def text(self, text: str) -> str:
        """`text` without registered values, `key=value` secrets, bearer tokens, keys of tenants and passwords in URLs."""
        text = self.values(text)
        text = _USERINFO.sub(rf"\g<front>{REDACTED}", text)
        text = _OWN_KEY.sub(REDACTED, text)
        text = _LOGIN.sub(rf"\g<front>{REDACTED}", text)
        text = _SCHEME.sub(rf"\g<scheme> {REDACTED}", text)
        return _ASSIGNMENT.sub(_blank, text)

    def fields(self, event: Mapping[Any, Any]) -> dict[Any, Any]:
        """A copy of an event dict, nested parts included, fit to be written."""
        return {self._name(name): self._field(name, value, 0) for name, value in event.items()}

    def _name(self, name: Any) -> Any:
        return self.values(name) if isinstance(name, str) else name

    def _field(self, name: Any, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        return REDACTED if is_secret_name(str(name)) else self._value(value, depth)

    def _value(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(str(value))
        if isinstance(value, (int, float)):
            return value if self.values(str(value)) == str(value) else REDACTED
        if depth < _DEPTH and isinstance(value, Mapping):
            return {self._name(key): self._field(key, item, depth + 1) for key, item in value.items()}
        if depth < _DEPTH and isinstance(value, (list, tuple, AbstractSet)):
            return [self._value(item, depth + 1) for item in value]
        # Anything else is written as its text: enums, decimals, dates as people read them, the rest as repr.
        return self.text(_plain(value))


def _plain(value: Any) -> str:
    """The value's text; bytes are decoded, so that a secret inside them is recognised."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001 - a broken __str__ must not take the log line (or the caller) down
        return f"<unprintable {type(value).__name__}: {type(exc).__name__}>"


def _blank(found: re.Match[str]) -> str:
    """Replace the value of a `name=value` or `name: value` in free text when the name is a secret's."""
    if not is_secret_name(found["name"]):
        return found[0]
    return f"{found['name']}{found['sep']}{found['scheme'] or ''}{REDACTED}"
