"""What a command shows, as data: the same page is printed, redrawn by --watch, and read by tests."""

from collections.abc import Sequence
from dataclasses import dataclass

_TONES = {
    "green": ("running", "healthy", "ok", "closed", "ready", "yes"),
    "yellow": (
        "pending", "provisioning", "terminating", "lost", "degraded", "half_open", "partial", "suspicious",
        "warn",
    ),
    "red": ("failed", "unavailable", "open", "unhealthy", "fail", "no", "no_capacity"),
    "dim": ("terminated", "disabled", "skip"),
}  # fmt: skip
_TONE_OF = {word: style for style, words in _TONES.items() for word in words}


@dataclass(frozen=True, slots=True)
class Styled:
    """Text in a colour, where there are colours."""

    text: str
    style: str


Cell = str | Styled


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Where the screen is narrow, the highest `rank` goes first (0 stays), then texts are cut."""

    title: str
    rank: int = 0
    right: bool = False
    shortest: int = 0
    """It may be cut down to so many characters; 0: never."""
    middle: bool = False
    """Cut in the middle: of an id both ends tell more."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what belongs to them, below each other; a text is wrapped behind its name."""

    pairs: Sequence[tuple[str, Cell]]
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, wrapped at words."""

    text: str
    style: str = ""
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command to copy: broken only where the shell does not mind."""

    text: str
    indent: int = 0


Block = Line | Facts | Grid | Command
Page = Sequence[Block]

BLANK = Line("")


def heading(text: str) -> Line:
    return Line(text, style="bold")


def tone(word: str, text: str | None = None) -> Cell:
    """A status in its colour."""
    style = _TONE_OF.get(word.lower())
    return Styled(text or word, style) if style else (text or word)


def next_steps(*steps: tuple[str, str]) -> Block:
    """Commands, and what each is for."""
    return Grid(
        (Column("Next"), Column("", rank=1, shortest=12)),
        [(command, what) for command, what in steps],
    )
