"""The query language of logs: comparisons joined with and, or, not and parentheses (contract, section 8). Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]
Test = Callable[[Entry], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<mark>!=~|=~|!=|>=|<=|=|>|<|\(|\))"
    r"|(?P<word>!?[A-Za-z_][\w.\-]*~?|-?[\d][\w:.+\-]*))"
)
_WORDY = frozenset({"contains", "startswith", "endswith"})
_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": lambda a, b: bool(a > b),
    "<": lambda a, b: bool(a < b),
    ">=": lambda a, b: bool(a >= b),
    "<=": lambda a, b: bool(a <= b),
}
_FIELDS = frozenset(
    {
        "time",
        "receive_time",
        "severity",
        "severity_number",
        "resource.type",
        "text_log",
        "log",
        "trace_id",
        "span_id",
    }
)
_PREFIXES = ("resource.labels.", "json_log.")
_LOG = "log"  # the full text; only for the operators that look into it


class BadQuery(ValueError):
    """The query cannot be understood; the message says why."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def parse(query: str) -> Test:
    """A test for entries; an empty query fits all. Raises BadQuery."""
    tokens = _tokens(query)
    if not tokens:
        return lambda _: True
    parser = _Parser(tokens)
    test = parser.any_of()
    if parser.left:
        raise BadQuery(f"unexpected {parser.left[0].text}")
    return test


def _tokens(query: str) -> list[_Token]:
    found, place = [], 0
    rest = query.rstrip()
    while place < len(rest):
        match = _TOKEN.match(rest, place)
        if match is None:
            raise BadQuery(f"cannot be read at {rest[place : place + 20].strip()}")
        kind = str(match.lastgroup)
        found.append(_Token(kind, match[kind]))
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self.left = tokens

    def any_of(self) -> Test:
        tests = [self._all_of()]
        while self._keyword("or"):
            tests.append(self._all_of())
        return lambda entry: any(test(entry) for test in tests)

    def _all_of(self) -> Test:
        tests = [self._one()]
        while self._keyword("and"):
            tests.append(self._one())
        return lambda entry: all(test(entry) for test in tests)

    def _one(self) -> Test:
        if self._keyword("not"):
            inner = self._one()
            return lambda entry: not inner(entry)
        if self.left and self.left[0].text == "(" and self.left[0].kind == "mark":
            self.left = self.left[1:]
            inner = self.any_of()
            if self._next().text != ")":
                raise BadQuery("a parenthesis is not closed")
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        field, operator, value = self._next(), self._next(), self._next()
        if field.kind != "word" or not (field.text in _FIELDS or field.text.startswith(_PREFIXES)):
            raise BadQuery(f"{field.text} is not a field")
        if value.kind == "mark":
            raise BadQuery(f"{value.text} is not a value")
        text = re.sub(r"\\(.)", r"\1", value.text[1:-1]) if value.kind == "text" else value.text
        return _test(field.text, operator.text.lower(), text)

    def _keyword(self, word: str) -> bool:
        found = bool(self.left) and self.left[0].kind == "word" and self.left[0].text.lower() == word
        if found:
            self.left = self.left[1:]
        return found

    def _next(self) -> _Token:
        if not self.left:
            raise BadQuery("it ends too early")
        token, self.left = self.left[0], self.left[1:]
        return token


def _test(field: str, operator: str, value: str) -> Test:
    """One comparison; an entry without the field fits only what is negated."""
    negated, name = operator.startswith("!"), operator.removeprefix("!")
    name, loose = name.removesuffix("~"), name.endswith("~")
    if name not in {"=", *_ORDERED, *_WORDY} or (field == _LOG and name not in _WORDY):
        raise BadQuery(f"{operator} is not an operator for {field}")

    def fits(entry: Entry) -> bool:
        held = value_of(entry, field)
        return held is not None and _holds(name, str(held), value, loose=loose)

    return (lambda entry: not fits(entry)) if negated else fits


def _holds(name: str, held: str, value: str, *, loose: bool) -> bool:
    if loose:
        held, value = held.casefold(), value.casefold()
    if name == "=":
        return held == value
    if name in _ORDERED:
        return _ORDERED[name](*_comparable(held, value))
    found = {
        "contains": value in held,
        "startswith": held.startswith(value),
        "endswith": held.endswith(value),
    }
    return found[name]


def _comparable(held: str, value: str) -> tuple[Any, Any]:
    """Numbers as numbers, everything else as text."""
    try:
        return float(held), float(value)
    except ValueError:
        return held, value


def value_of(entry: Entry, field: str) -> Any:
    """What an entry holds under a field's name, None if nothing."""
    if field == _LOG:
        return entry.get("text_log") or str(entry.get("json_log"))
    if field.startswith("resource.labels."):
        return entry["resource"]["labels"].get(field.removeprefix("resource.labels."))
    if field == "resource.type":
        return entry["resource"]["type"]
    if field.startswith("json_log."):
        return (entry.get("json_log") or {}).get(field.removeprefix("json_log."))
    return entry.get(field)
