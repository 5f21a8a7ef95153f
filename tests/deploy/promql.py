"""PromQL over samples in memory: the part of the language that our boards and alerts use, and no more.

The syntax is judged by a parser of the whole language; what is not evaluated here raises Unsupported. `rate` and
`increase` do not extrapolate to the ends of their window as Prometheus does.
"""

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import promql_parser as ast
from prometheus_client.parser import text_string_to_metric_families

LOOKBACK_S = 300.0
"""How old the last sample of an instant selector may be."""
Labels = dict[str, str]
Vector = list[tuple[Labels, float]]


class Unsupported(Exception):
    """Valid PromQL that is not evaluated here."""


@dataclass
class Series:
    labels: Labels
    points: list[tuple[float, float]] = field(default_factory=list)


class Store:
    """Samples by metric name."""

    def __init__(self) -> None:
        self._series: dict[str, list[Series]] = {}

    def scrape(self, page: str, *, at: float, **target: str) -> None:
        """Every sample of an exposition page; `target`: the labels that Prometheus adds."""
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                self.add(sample.name, {**sample.labels, **target}, at=at, value=sample.value)

    def add(self, name: str, labels: Labels, *, at: float, value: float) -> None:
        known = self._series.setdefault(name, [])
        for series in known:
            if series.labels == labels:
                series.points.append((at, value))
                return
        known.append(Series(dict(labels), [(at, value)]))

    def select(self, name: str, matchers: Iterable[Any]) -> list[Series]:
        tests = [(each.name, _matching(each)) for each in matchers]
        return [
            series
            for series in self._series.get(name, [])
            if all(fits(series.labels.get(label, "")) for label, fits in tests)
        ]


def _matching(matcher: Any) -> Callable[[str], bool]:
    value = matcher.value
    if matcher.op == ast.MatchOp.Equal:
        return lambda found: found == value
    if matcher.op == ast.MatchOp.NotEqual:
        return lambda found: found != value
    pattern = re.compile(value)
    if matcher.op == ast.MatchOp.Re:
        return lambda found: pattern.fullmatch(found) is not None
    return lambda found: pattern.fullmatch(found) is None


def evaluate(text: str, store: Store, *, at: float) -> Vector:
    """What the expression gives at a time. Raises ValueError for what is no PromQL."""
    found = _Evaluator(store, at).value(ast.parse(text))
    return [({}, found)] if isinstance(found, float) else found


def names(text: str) -> set[str]:
    """The metrics that the expression asks for."""
    found: set[str] = set()

    def visit(node: Any) -> bool:
        selector = getattr(node, "vector_selector", node)
        if isinstance(selector, ast.VectorSelector):
            found.add(str(selector.name))
        return True

    ast.walk(ast.parse(text), pre_visit=visit)
    return found


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else math.nan,
}
_COMPARISON: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_AGGREGATE: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "max": max,
    "min": min,
    "avg": lambda values: math.fsum(values) / len(values),
    "count": lambda values: float(len(values)),
}


class _Evaluator:
    def __init__(self, store: Store, at: float) -> None:
        self._store = store
        self._at = at

    def value(self, node: Any) -> Vector | float:
        match node:
            case ast.NumberLiteral():
                return float(node.val)
            case ast.ParenExpr():
                return self.value(node.expr)
            case ast.VectorSelector():
                return self._instant(node)
            case ast.Call():
                return self._call(node.func.name, list(node.args))
            case ast.AggregateExpr():
                return self._aggregated(node)
            case ast.BinaryExpr():
                return self._binary(node)
        raise Unsupported(type(node).__name__)

    def vector(self, node: Any) -> Vector:
        found = self.value(node)
        if isinstance(found, float):
            raise Unsupported("a number where a vector is expected")
        return found

    def _instant(self, node: Any) -> Vector:
        found = []
        for series in self._store.select(str(node.name), node.matchers.matchers):
            fresh = [value for at, value in series.points if self._at - LOOKBACK_S < at <= self._at]
            if fresh:
                found.append((series.labels, fresh[-1]))
        return found

    def _call(self, name: str, arguments: list[Any]) -> Vector | float:
        if name in {"rate", "increase"}:
            return self._over_time(arguments[0], _rate if name == "rate" else _increase)
        if name == "min_over_time":
            return self._over_time(arguments[0], lambda points: min(value for _, value in points))
        if name == "absent":
            return [] if self.vector(arguments[0]) else [({}, 1.0)]
        if name == "histogram_quantile":
            return _quantiles(float(arguments[0].val), self.vector(arguments[1]))
        if name == "time":
            return self._at
        raise Unsupported(name)

    def _over_time(self, node: Any, fold: Callable[[list[tuple[float, float]]], float | None]) -> Vector:
        selector, window = node.vector_selector, node.range.total_seconds()
        found = []
        for series in self._store.select(str(selector.name), selector.matchers.matchers):
            points = [point for point in series.points if self._at - window <= point[0] <= self._at]
            folded = fold(points) if points else None
            if folded is not None:
                found.append((series.labels, folded))
        return found

    def _aggregated(self, node: Any) -> Vector:
        op, given = str(node.op), self.vector(node.expr)
        if op == "topk":
            return sorted(given, key=lambda each: -each[1])[: int(node.param.val)]
        groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
        for labels, value in given:
            groups.setdefault(tuple(sorted(_grouped(labels, node.modifier).items())), []).append(value)
        return [(dict(key), _AGGREGATE[op](values)) for key, values in groups.items()]

    def _binary(self, node: Any) -> Vector | float:
        op, modifier = str(node.op), node.modifier
        left, right = self.value(node.lhs), self.value(node.rhs)
        if op in {"and", "or", "unless"}:
            return _sets(op, left, right, modifier)
        if isinstance(left, float) and isinstance(right, float):
            return _ARITHMETIC[op](left, right)
        keep_bool = modifier is not None and modifier.return_bool
        found = []
        for labels, one, other in _pairs(left, right, modifier):
            if op in _ARITHMETIC:
                found.append((labels, _ARITHMETIC[op](one, other)))
            elif keep_bool:
                found.append((labels, float(_COMPARISON[op](one, other))))
            elif _COMPARISON[op](one, other):
                found.append((labels, other if isinstance(left, float) else one))
        return found


def _rate(points: list[tuple[float, float]]) -> float | None:
    grown = _increase(points)
    return None if grown is None else grown / (points[-1][0] - points[0][0])


def _increase(points: list[tuple[float, float]]) -> float | None:
    """With restarts of the counter; one sample says nothing."""
    if len(points) < 2:
        return None
    values = [value for _, value in points]
    return math.fsum(later if later < earlier else later - earlier for earlier, later in pairwise(values))


def _grouped(labels: Labels, modifier: Any) -> Labels:
    if modifier is None:
        return {}
    if modifier.type == ast.AggModifierType.By:
        return {name: labels[name] for name in modifier.labels if name in labels}
    return {name: value for name, value in labels.items() if name not in modifier.labels}


def _key(labels: Labels, modifier: Any) -> tuple[tuple[str, str], ...]:
    """What both sides must have in common."""
    matching = None if modifier is None else modifier.matching
    if matching is None:
        return tuple(sorted(labels.items()))
    if matching.type == ast.LabelModifierType.Include:
        return tuple((name, labels.get(name, "")) for name in sorted(matching.labels))
    return tuple(sorted((name, value) for name, value in labels.items() if name not in matching.labels))


def _sets(op: str, left: Any, right: Any, modifier: Any) -> Vector:
    there = {_key(labels, modifier) for labels, _ in right}
    if op == "and":
        return [each for each in left if _key(each[0], modifier) in there]
    if op == "unless":
        return [each for each in left if _key(each[0], modifier) not in there]
    here = {_key(labels, modifier) for labels, _ in left}
    return [*left, *(each for each in right if _key(each[0], modifier) not in here)]


def _pairs(left: Any, right: Any, modifier: Any) -> list[tuple[Labels, float, float]]:
    if isinstance(left, float):
        return [(labels, left, value) for labels, value in right]
    if isinstance(right, float):
        return [(labels, value, right) for labels, value in left]
    card = None if modifier is None else modifier.card
    if card == ast.VectorMatchCardinality.OneToMany:
        raise Unsupported("group_right")
    found = []
    for labels, value in left:
        others = [other for theirs, other in right if _key(theirs, modifier) == _key(labels, modifier)]
        if len(others) > 1:
            raise ValueError(f"{len(others)} series on the right match {labels}")
        if others:
            many = card == ast.VectorMatchCardinality.ManyToOne
            found.append((labels if many else dict(_key(labels, modifier)), value, others[0]))
    return found


def _quantiles(share: float, buckets: Vector) -> Vector:
    """Linear within a bucket, as Prometheus has it; a histogram that counted nothing gives NaN."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for labels, value in buckets:
        if "le" in labels:
            key = tuple(sorted((name, each) for name, each in labels.items() if name != "le"))
            groups.setdefault(key, []).append((float(labels["le"]), value))
    return [(dict(key), _quantile(share, sorted(bounds))) for key, bounds in groups.items()]


def _quantile(share: float, bounds: list[tuple[float, float]]) -> float:
    total = bounds[-1][1]
    if total <= 0 or not math.isinf(bounds[-1][0]):
        return math.nan
    wanted = share * total
    below, lower = 0.0, 0.0
    for upper, count in bounds:
        if count >= wanted:
            if math.isinf(upper):
                return lower
            return lower + (upper - lower) * (wanted - below) / (count - below)
        below, lower = count, upper
    return math.nan
