"""Rows kept as one array per column: a filter reads one figure of each offer and should load nothing else."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]


class Columns:
    """Immutable. The columns of `take` are picked when somebody asks for them: hardly ever for all."""

    def __init__(self, known: Mapping[str, Array], source: "tuple[Columns, Indices] | None" = None) -> None:
        """`source`: where the others are picked from."""
        self._known = dict(known)
        self._source = source
        self._range: dict[str, tuple[float, float]] = {}
        self._stated: dict[str, bool] = {}

    @classmethod
    def of(cls, rows: Iterable[tuple[object, ...]], kinds: np.dtype[Any]) -> "Columns":
        """`kinds`: the names of a row's values and the types of their columns."""
        table = np.array([*rows], dtype=kinds)
        return cls({name: np.ascontiguousarray(table[name]) for name in table.dtype.names or ()})

    @classmethod
    def joined(cls, parts: Sequence["Columns"], names: Iterable[str]) -> "Columns":
        """These columns of all parts, one after the other."""
        return cls({name: np.concatenate([part[name] for part in parts]) for name in names})

    def __getitem__(self, name: str) -> Array:
        known = self._known.get(name)
        if known is None:
            if self._source is None:
                raise KeyError(name)
            columns, indices = self._source
            known = self._known[name] = columns[name].take(indices)
        return known

    def least(self, name: str) -> float:
        """A column's smallest figure, looked for once; not a number if one of them is none."""
        return self._span(name)[0]

    def most(self, name: str) -> float:
        """A column's largest figure, likewise."""
        return self._span(name)[1]

    def stated(self, name: str) -> bool:
        """Is any of a column's figures a number? Looked at once."""
        found = self._stated.get(name)
        if found is None:
            found = self._stated[name] = not bool(np.isnan(self[name]).all())
        return found

    def _span(self, name: str) -> tuple[float, float]:
        found = self._range.get(name)
        if found is None:
            column = self[name]
            span = (float(column.min()), float(column.max())) if len(column) else (inf, -inf)
            found = self._range[name] = span
        return found

    def take(self, indices: Indices) -> "Columns":
        """Some of the rows, in their order."""
        return Columns({}, (self, indices))

    def patched(self, names: Iterable[str], where: Sequence[int], fresh: "Columns") -> "Columns":
        """These columns, with the rows of `fresh` in the places `where`."""
        found = {}
        for name in names:
            column = self[name].copy()
            column[where] = fresh[name]
            found[name] = column
        return Columns(found)

    def changed(self, where: Sequence[int], fresh: "Columns", names: Collection[str]) -> "Columns":
        """All columns; in these the rows of `fresh` in the places `where`."""
        part = self.patched(names, where, fresh)
        return self.replaced(**{name: part[name] for name in names})

    def replaced(self, **columns: Array) -> "Columns":
        """Others in the place of these columns."""
        return Columns({**self._known, **columns}, self._source)
