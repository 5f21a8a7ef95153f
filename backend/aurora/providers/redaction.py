"""What must never be read in an error, a log line or a metric is taken out here."""

import re
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "***"
SHORTEST_SECRET = 4
"""Characters; replacing shorter values (`1`, `on`) would only garble the text."""

_PATTERNS = (
    # "api_key": "…", instance_api_key=…, jupyter_token: …
    re.compile(
        r"""(?i)((?:api[_-]?key|token|password|passwd|secret|authorization)["']? ?[:=] ?["']?)"""
        r"""(?!bearer\b)[^"' ,&})\]]+"""
    ),
    re.compile(r"(?i)(\bbearer )[^ \"',]+"),
    # docker login flags: -u name -p password
    re.compile(r"(-u [^ ]+ -p )[^ ]+"),
    # https://name:password@host
    re.compile(r"(://[^ /:@]*:)[^ /@]+(?=@)"),
)
"""Each takes time linear in the text, whose runs of blanks are single blanks by then: error pages are hostile."""
_LONG_HEX = re.compile(r"\b[0-9a-fA-F]{32,}\b")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]+")


class Redactor:
    """Takes known secret values and everything that looks like a credential out of a text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for value in secrets for form in (value, quote(value, safe=""), value.strip())}
        self._known = sorted(
            (value for value in known if len(value) >= SHORTEST_SECRET), key=len, reverse=True
        )

    def __repr__(self) -> str:
        return f"Redactor({len(self._known)} values)"

    def __call__(self, text: str, *, limit: int = 300) -> str:
        """The text on one line of at most `limit` characters, without secrets."""
        for value in self._known:
            text = text.replace(value, HIDDEN)
        line = " ".join(_CONTROL.sub(" ", text).split())
        for pattern in _PATTERNS:
            line = pattern.sub(rf"\g<1>{HIDDEN}", line)
        line = _LONG_HEX.sub(HIDDEN, line)
        return line if len(line) <= limit else f"{line[: limit - 1]}…"
