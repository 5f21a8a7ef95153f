"""The terminal. rich is imported when something is drawn, not before."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aurora.cli.layout import GAP, Shown, broken_command, fit, middle_cut
from aurora.cli.pages import Block, Cell, Column, Command, Facts, Grid, Line, Page, Styled

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

READING_WIDTH = 100
"""Sentences are not made wider, however wide the screen is."""
_ENDLESS = 10_000
"""Nobody looks at a pipe: every column, nothing cut."""

Tell = Callable[[str], None]


def screen_width() -> int:
    """Columns of the terminal (COLUMNS wins); for a pipe or a file no limit, unless COLUMNS sets one."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return shutil.get_terminal_size().columns
    return _ENDLESS


def show(page: Page) -> None:
    """Print a page on stdout."""
    console = _console()
    for block in page:
        console.print(_rendered(block, console.width))


@contextmanager
def redrawing() -> Iterator[Callable[[Page], None]]:
    """Pages in one place on the terminal, each over the one before."""
    from rich.live import Live

    console = _console()
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        yield lambda page: live.update(_group(page, console.width), refresh=True)


@contextmanager
def progress(text: str) -> Iterator[Tell]:
    """A line on stderr that moves while something is waited for; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True, markup=False).status(text) as status:
        yield status.update


def _console() -> "Console":
    from rich.console import Console

    # Nothing of what is printed is markup: providers write some of it.
    return Console(width=screen_width(), markup=False, emoji=False, highlight=False)


def _group(page: Page, width: int) -> "Group":
    from rich.console import Group

    return Group(*(_rendered(block, width) for block in page))


def _rendered(block: Block, width: int) -> "RenderableType":
    from rich.padding import Padding

    room = max(20, width - block.indent)
    if isinstance(block, Command):
        return _command(block, room)
    drawn = _drawn(block, room)
    return Padding(drawn, (0, 0, 0, block.indent), expand=False) if block.indent else drawn


def _drawn(block: Line | Facts | Grid, room: int) -> "RenderableType":
    if isinstance(block, Grid):
        return _grid(block, room)
    if isinstance(block, Facts):
        return _facts(block, min(room, READING_WIDTH))
    return _line(block, min(room, READING_WIDTH))


def _command(command: Command, room: int) -> "Text":
    """Without padding: a blank behind the backslash would undo it."""
    from rich.text import Text

    margin = " " * command.indent
    broken = broken_command(plain(command.text, one_line=True), room)
    return Text("\n".join(margin + line for line in broken), style="cyan", no_wrap=True, overflow="ignore")


def _line(line: Line, width: int) -> "RenderableType":
    from rich.constrain import Constrain

    return Constrain(_text(Styled(line.text, line.style)), width)


def _facts(facts: Facts, width: int) -> "Table":
    table = _plain_table()
    name_width = max((len(name) for name, _ in facts.pairs), default=0)
    table.add_column(width=name_width, no_wrap=True, style="dim")
    table.add_column(max_width=max(10, width - name_width - GAP), overflow="fold")
    for name, value in facts.pairs:
        table.add_row(name, _text(value))
    return table


def _grid(grid: Grid, width: int) -> "Table":
    cells = [[plain(_words(cell), one_line=True) for cell in row] for row in grid.rows]
    table = _plain_table(header=any(column.title for column in grid.columns))
    shown = fit(grid.columns, cells, width)
    for each in shown:
        column = grid.columns[each.index]
        table.add_column(
            column.title,
            width=each.width,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if column.right else "left",
            header_style="dim",
        )
    for row, words in zip(grid.rows, cells, strict=True):
        table.add_row(
            *(_cell(words[each.index], row[each.index], grid.columns[each.index], each) for each in shown)
        )
    return table


def _cell(words: str, cell: Cell, column: Column, shown: Shown) -> "Text":
    return _styled(middle_cut(words, shown.width) if column.middle else words, cell)


def _plain_table(*, header: bool = False) -> "Table":
    from rich.table import Table

    return Table(box=None, show_header=header, padding=(0, GAP, 0, 0), pad_edge=False, collapse_padding=True)


def _text(cell: Cell) -> "Text":
    return _styled(plain(_words(cell)), cell)


def _styled(words: str, cell: Cell) -> "Text":
    from rich.text import Text

    return Text(words, style=cell.style if isinstance(cell, Styled) else "")


def _words(cell: Cell) -> str:
    return cell.text if isinstance(cell, Styled) else cell


def plain(text: str, *, one_line: bool = False) -> str:
    """Without control characters: what a provider writes must not command the terminal."""
    kept = "" if one_line else "\n"
    return "".join(char if char.isprintable() or char in kept else " " for char in text)


def lines(texts: Sequence[str], *, style: str = "", indent: int = 0) -> Page:
    """Sentences below each other."""
    return [Line(text, style, indent) for text in texts]
