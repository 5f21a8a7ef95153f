"""--watch: the same question again and again."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from aurora.cli.client import Answer, Json
from aurora.cli.exits import CliError, note
from aurora.cli.pages import BLANK, Page
from aurora.cli.patience import Patience
from aurora.cli.session import Session

EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What is asked, how it is shown, and when there is nothing more to see."""

    look: Callable[[], Answer]
    page: Callable[[Json], Page]
    line: Callable[[Json], str] | None = None
    """For a pipe: a new line when this changes. None: the whole page each time."""
    ended: Callable[[Json], bool] = lambda _: False


def watch(run: Session, watched: Watched, *, sleep: Callable[[float], None] = time.sleep) -> Answer:
    """Until it has ended. On a terminal one place is redrawn; in a pipe changes follow each other; with --json
    each changed document is one line.
    """
    if run.as_json or not sys.stdout.isatty():
        return _look_on(watched, _Lines(watched, as_json=run.as_json).show, sleep)
    from aurora.cli.screen import redrawing

    with redrawing() as redraw:
        return _look_on(watched, lambda answer: redraw(watched.page(answer.data)), sleep)


def _look_on(watched: Watched, show: Callable[[Answer], None], sleep: Callable[[float], None]) -> Answer:
    patience = Patience(limit_s=300.0)
    away = False
    while True:
        try:
            answer = watched.look()
        except CliError as exc:
            pause = patience.failed(exc)
            if not away:
                note(f"{exc.what}; still trying")
            away = True
            sleep(pause)
            continue
        patience.worked()
        away = False
        show(answer)
        if watched.ended(answer.data):
            return answer
        sleep(EVERY_S)


class _Lines:
    """What a pipe gets."""

    def __init__(self, watched: Watched, *, as_json: bool) -> None:
        self._watched = watched
        self._as_json = as_json
        self._last: str | None = None

    def show(self, answer: Answer) -> None:
        if self._as_json:
            self._print(json.dumps(answer.document))
        elif self._watched.line is not None:
            self._print(self._watched.line(answer.data))
        else:
            from aurora.cli.screen import show

            show([*self._watched.page(answer.data), BLANK])

    def _print(self, text: str) -> None:
        if text != self._last:
            print(text, flush=True)
        self._last = text
