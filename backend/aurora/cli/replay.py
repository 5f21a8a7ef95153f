"""Which lines of a log that is read again are new. Pure."""

from collections.abc import Sequence


def unseen(shown: Sequence[str], again: Sequence[str]) -> tuple[list[str], bool]:
    """The lines of `again` behind what was `shown`, and whether lines may be missing in between.

    `again` may begin before or after the beginning of `shown`. The longest agreement counts; of equally long ones
    the last, so that nothing is shown twice. Limits: lines that repeat identically through all of `shown` cannot
    be told apart.
    """
    if not shown or not again:
        return list(again), False
    for end in range(len(again), 0, -1):
        length = min(len(shown), end)
        if again[end - length : end] == shown[-length:]:
            return list(again[end:]), False
    return list(again), True
