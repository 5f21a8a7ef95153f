"""Bodies that mean one thing only: what two readers could understand differently is refused before anybody does."""

import json
from collections.abc import Iterable
from typing import Any

from starlette.exceptions import HTTPException

DEEPEST = 32
"""Levels of nesting; ours need four."""
_LONGEST_NAME = 64


class NotJson(HTTPException):
    """The body cannot be taken as JSON. `field` is what to look at: `body`, or the name that stands there twice."""

    def __init__(self, message: str, *, field: str = "body") -> None:
        super().__init__(422, message)
        self.field = field


def check(raw: bytes) -> None:
    """Raises NotJson for what is no UTF-8, no JSON, nested too deeply, or has a name twice, half a character, or NUL
    (which Postgres cannot store). An empty body is somebody else's to judge.
    """
    if not raw.strip():
        return
    try:
        found = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # no UTF-8, no JSON, or a number of thousands of digits
        raise NotJson("is not valid JSON") from None
    _refuse_deep(found)
    if b"\\u" in raw:
        _refuse_unwritable(found)


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotJson("is given twice", field=_shown(name))
        found[name] = value
    return found


def _shown(name: str) -> str:
    return "".join(char for char in name[:_LONGEST_NAME] if char.isprintable()) or "body"


def _refuse_deep(found: Any) -> None:
    level = [found]
    for _ in range(DEEPEST + 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise _too_deep()


def _refuse_unwritable(found: Any) -> None:
    text = json.dumps(found, ensure_ascii=False)
    if "\\u0000" in text.replace("\\\\", ""):
        raise NotJson("has a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotJson("has half of a surrogate pair") from None


def _too_deep() -> NotJson:
    return NotJson(f"is nested more than {DEEPEST} levels deep")
