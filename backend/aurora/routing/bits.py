"""Yes or no for each member of a sequence, as one integer: bit n stands for the n-th."""

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import TypeVar

T = TypeVar("T")

_TO_DIGITS = bytes.maketrans(b"\x00\x01", b"01")
_TO_FLAGS = bytes.maketrans(b"01", b"\x00\x01")


def mark(flags: Iterable[bool]) -> int:
    """The integer whose n-th bit is the n-th flag."""
    return int(bytes(flags)[::-1].translate(_TO_DIGITS) or b"0", 2)


def marked(members: Sequence[T], marks: int) -> Iterable[T]:
    """The members whose bits are set, in their order."""
    if marks + 1 == 1 << len(members):
        return members
    digits = format(marks, f"0{len(members)}b")[::-1].encode()
    return compress(members, digits.translate(_TO_FLAGS))
