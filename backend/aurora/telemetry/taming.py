"""Texts of others in lines of ours: what could command a terminal, or pass for a line of its own, is spelt out."""

from collections.abc import Mapping
from typing import Any

_TRACEBACK = "exception"
"""The one field that has several lines."""
_LINES = frozenset("\n\t")
_ESCAPED_BY_JSON = frozenset(map(chr, range(0x20)))
_DEPTH = 8


def tame(text: str, *, kept: frozenset[str] = frozenset()) -> str:
    r"""`text` with every character that cannot be printed as `\x1b`, `\n`, `\u202e`, but for the `kept` ones.

    >>> tame("ok" + chr(10) + "level=info" + chr(27) + "[31m")
    'ok\\nlevel=info\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape").decode()
        for char in text
    )


class Tamer:
    """Last before the renderer. JSON escapes line ends itself; for people only tracebacks keep theirs."""

    def __init__(self, *, console: bool) -> None:
        self._kept: frozenset[str] = frozenset() if console else _ESCAPED_BY_JSON
        self._kept_in_traceback = _LINES | self._kept

    def __call__(self, _logger: Any, _method: str, event: Mapping[Any, Any]) -> dict[Any, Any]:
        return {
            self._name(name): self._value(
                value, 0, kept=self._kept_in_traceback if name == _TRACEBACK else self._kept
            )
            for name, value in event.items()
        }

    def _name(self, name: Any) -> Any:
        return tame(name) if isinstance(name, str) else name

    def _value(self, value: Any, depth: int, *, kept: frozenset[str]) -> Any:
        if isinstance(value, str):
            return tame(value, kept=kept)
        if depth < _DEPTH and isinstance(value, Mapping):
            return {self._name(key): self._value(item, depth + 1, kept=kept) for key, item in value.items()}
        if depth < _DEPTH and isinstance(value, list):
            return [self._value(item, depth + 1, kept=kept) for item in value]
        return value
