"""Following a log that can only be read as a tail.

Vast.ai has no cursor and no stream (Vast docs logs.yaml, 2026-08-07): each read gives the last lines once more. The new
ones are those behind the longest overlap with what was shown. Limits: identical lines that repeat through the whole
window cannot be told from no progress, and where nothing overlaps (more lines than the window in between, or a new
container) a notice line is given instead of silence.
"""

from dataclasses import dataclass

from aurora.domain.instance import LogLine
from aurora.providers.log_overlap import GAP, LONGEST_LINE, overlap

_NO_CONTAINER = "no such container"


def lines_of(text: str) -> list[str]:
    """The lines of a log file, each cut at `LONGEST_LINE`; nothing while there is no container."""
    lines = [line.rstrip("\r")[:LONGEST_LINE] for line in text.split("\n")]
    if lines and not lines[-1]:
        lines.pop()
    if len(lines) == 1 and _NO_CONTAINER in lines[0].lower():
        return []
    return lines


@dataclass(slots=True)
class Tail:
    """What has been shown of one log, at most `window` lines of it."""

    window: int
    _shown: tuple[str, ...] = ()
    """Ended lines only."""
    _held: str | None = None
    """A last line without its end: it may still grow."""
    _early: str | None = None
    """A last line that was given without its end, because it had stopped growing."""

    def more(self, text: str) -> list[LogLine]:
        """The lines of this read that were not shown before.

        A last line without its end is held back until it ends, or the next read shows it unchanged.
        """
        lines = lines_of(text)
        last = lines.pop() if lines and not text.endswith("\n") else None
        common = overlap(self._shown, lines)
        lost = bool(self._shown and lines and not common)
        fresh = lines[common:]
        if lines:
            self._shown = tuple(lines[-self.window :])
        if fresh:
            given, self._early = self._early, None
            fresh = fresh[1:] if fresh[0] == given else fresh
        found = [LogLine(line) for line in fresh + self._unended(last)]
        return [GAP, *found] if lost else found

    def rest(self) -> list[LogLine]:
        """The line that was held back, when nothing more will come."""
        held, self._held = self._held, None
        return [] if held is None else [LogLine(held)]

    def _unended(self, last: str | None) -> list[str]:
        """The last line, if it is time to show it without its end."""
        if last is None or last == self._early:
            self._held = None
            return []
        if last != self._held:
            self._held = last
            return []
        self._held, self._early = None, last
        return [last]
