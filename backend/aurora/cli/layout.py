"""Which columns of a table are shown, and how wide, so that no line is longer than the screen. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aurora.cli.figures import NOTHING
from aurora.cli.pages import Column

GAP = 2
"""Blanks between two columns."""
_NARROWEST = 4


_SHELL_WORD = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")


def broken_command(text: str, width: int) -> list[str]:
    """The command over several lines, with a backslash at the end of all but the last, so that it can be copied."""
    lines: list[str] = []
    for word in _SHELL_WORD.findall(text):
        if lines and len(lines[-1]) + len(word) + len(" \\") < width:
            lines[-1] += f" {word}"
        else:
            lines.append(word if not lines else f"  {word}")
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def middle_cut(text: str, width: int) -> str:
    """Both ends, the first one longer, and dots between them."""
    if len(text) <= width:
        return text
    head = (width - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A column by its place in the table, and its width."""

    index: int
    width: int


def fit(columns: Sequence[Column], cells: Sequence[Sequence[str]], available: int) -> list[Shown]:
    """Columns that nobody has a value for go, then those that matter least; what may be cut is cut last."""
    natural = [
        max([len(column.title), *(len(row[index]) for row in cells)]) for index, column in enumerate(columns)
    ]
    kept = [index for index in range(len(columns)) if not _is_empty(index, columns=columns, cells=cells)]
    least = [_least(column, width) for column, width in zip(columns, natural, strict=True)]
    while _total(kept, least) > available and len(kept) > 1:
        ranked = [index for index in kept if columns[index].rank]
        kept.remove(max(ranked, key=lambda index: (columns[index].rank, index)) if ranked else kept[-1])
    return [Shown(index, width) for index, width in _widths(kept, natural, least, available).items()]


def _is_empty(index: int, *, columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> bool:
    optional = columns[index].rank > 0
    return optional and bool(cells) and all(row[index] in {"", NOTHING} for row in cells)


def _least(column: Column, natural: int) -> int:
    return min(natural, max(column.shortest, len(column.title))) if column.shortest else natural


def _total(kept: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[index] for index in kept) + GAP * (len(kept) - 1)


def _widths(
    kept: Sequence[int], natural: Sequence[int], least: Sequence[int], available: int
) -> dict[int, int]:
    """Natural widths; what is too much is taken from the widest that may be cut."""
    widths = {index: natural[index] for index in kept}
    excess = _total(kept, natural) - available
    while excess > 0:
        roomy = [index for index in kept if widths[index] > least[index]]
        if not roomy:
            last = kept[-1]
            widths[last] = max(_NARROWEST, widths[last] - excess)
            break
        widths[max(roomy, key=lambda index: widths[index])] -= 1
        excess -= 1
    return widths
