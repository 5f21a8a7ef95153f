"""The filter language that search and list share: `{"field": {"op": value}}` with operators eq neq gt lt gte lte in notin."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from aurora.emulators.vastai.replies import BadRequest

_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "lt": operator.lt,
    "gte": operator.ge,
    "lte": operator.le,
}
_OPERATORS = frozenset({"eq", "neq", "in", "notin", *_ORDERED})
_TRUE = frozenset({"true", "1", "yes"})


def tests_of(field: str, condition: Any) -> Mapping[str, Any]:
    """The operators and values asked for one field; a bare value means `eq`. Raises BadRequest."""
    tests = condition if isinstance(condition, dict) else {"eq": condition}
    unknown = next((name for name in tests if name not in _OPERATORS), None)
    if unknown is not None:
        raise BadRequest(f"Invalid operator {unknown} for {field}")
    if any(name in {"in", "notin"} and not isinstance(value, list) for name, value in tests.items()):
        raise BadRequest(f"Operators in and notin need a list for {field}")
    return tests


def holds(actual: Any, tests: Mapping[str, Any]) -> bool:
    """Whether a value passes all tests. Wanted values arrive as texts for most fields and are coerced (section 4.1)."""
    return all(_passes(actual, name, wanted) for name, wanted in tests.items())


def _passes(actual: Any, name: str, wanted: Any) -> bool:
    if name in {"in", "notin"}:
        return any(_equal(actual, value) for value in wanted) == (name == "in")
    if name in {"eq", "neq"}:
        return _equal(actual, wanted) == (name == "eq")
    coerced = _like(actual, wanted)
    return coerced is not None and _ORDERED[name](actual, coerced)


def _equal(actual: Any, wanted: Any) -> bool:
    if actual is None or wanted is None:
        return actual is wanted
    return bool(actual == _like(actual, wanted))


def _like(actual: Any, wanted: Any) -> Any:
    """The wanted value in the type of the actual one, or None if it has no such form."""
    if isinstance(actual, bool):
        return str(wanted).lower() in _TRUE
    if isinstance(actual, int | float):
        try:
            return float(wanted)
        except (TypeError, ValueError):
            return None
    return str(wanted) if isinstance(actual, str) and wanted is not None else None
