"""Reading of request bodies and queries, refused in the words of the Console's validator."""

from collections.abc import Mapping, Sequence
from typing import Any

from aurora.emulators.akash import replies
from aurora.emulators.exchange import Call

Path = Sequence[str | int]


def inner(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `data` that most bodies are wrapped in."""
    return record(body.get("data"), ["data"])


def record(value: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise replies.of_wrong_type(path, "object", value)
    return value


def rows(value: Any, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise replies.of_wrong_type(path, "array", value)
    return value


def text(value: Any, path: Path) -> str:
    if not isinstance(value, str):
        raise replies.of_wrong_type(path, "string", value)
    return value


def number(value: Any, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise replies.of_wrong_type(path, "number", value)
    return value


def whole(value: Any, path: Path) -> int:
    found = number(value, path)
    if found != int(found):
        raise replies.invalid(path, "invalid_type", "Expected integer, received float", expected="integer")
    return int(found)


def dseq(value: Any, path: Path) -> str:
    """A deployment's number, as text of digits."""
    found = text(value, path)
    if not found.isascii() or not found.isdecimal():
        raise replies.invalid(path, "invalid_string", "Invalid", validation="regex")
    return found


def query_number(call: Call, name: str, *, default: int, least: int = 0, most: int | None = None) -> int:
    given = call.query.get(name)
    if given is None:
        return default
    if not given.isascii() or not given.isdecimal():
        raise replies.invalid([name], "invalid_type", "Expected number, received nan", expected="number")
    return bounded(int(given), [name], least=least, most=most)


def bounded(value: int, path: Path, *, least: int, most: int | None = None) -> int:
    if value < least:
        message = f"Number must be greater than or equal to {least}"
        raise replies.invalid(path, "too_small", message)
    if most is not None and value > most:
        raise replies.invalid(path, "too_big", f"Number must be less than or equal to {most}")
    return value


def choice(call: Call, name: str, choices: tuple[str, ...]) -> str | None:
    """One of some words, or None if the query does not have it."""
    given = call.query.get(name)
    if given is not None and given not in choices:
        expected = " | ".join(f"'{one}'" for one in choices)
        message = f"Invalid enum value. Expected {expected}, received '{given}'"
        raise replies.invalid([name], "invalid_enum_value", message)
    return given
