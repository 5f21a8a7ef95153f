"""Following a log that has no cursor: what is new is what comes behind the longest overlap with what was shown."""

from collections.abc import Sequence

from aurora.domain.instance import LogLine

GAP = LogLine("[lines may be missing here: the log moved on faster than it could be read]", stream="aurora")
LONGEST_LINE = 8192


def overlap(shown: Sequence[str], fresh: Sequence[str]) -> int:
    """Length of the longest end of `shown` that is a beginning of `fresh` (Knuth-Morris-Pratt, linear)."""
    if not fresh:
        return 0
    shorter = [0] * len(fresh)
    length = 0
    for index in range(1, len(fresh)):
        while length and fresh[index] != fresh[length]:
            length = shorter[length - 1]
        length += fresh[index] == fresh[length]
        shorter[index] = length
    length = 0
    for line in shown:
        while length and (length == len(fresh) or line != fresh[length]):
            length = shorter[length - 1]
        length += line == fresh[length]
    return length
