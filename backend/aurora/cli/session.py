"""The frame of every HTTP command: one client, one way to print an answer, one way to fail."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import typer

from aurora.cli.client import Answer, Client, Json
from aurora.cli.exits import CliError, ExitCode, note, report
from aurora.cli.pages import Page


class Session:
    """One run of one command."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.if_interrupted: str | None = None
        """What to say on Ctrl-C: what goes on, and how to end it."""

    @cached_property
    def client(self) -> Client:
        """From AURORA_URL and AURORA_API_KEY. Raises CliError."""
        return Client.from_environment()

    def show(self, answer: Answer, page: Callable[[Json], Page]) -> None:
        """The server's own JSON, or the page for people."""
        self.show_document(answer.document, lambda: page(answer.data))

    def show_document(self, document: Any, page: Callable[[], Page]) -> None:
        """The same for what is put together from several answers."""
        if self.as_json:
            print(json.dumps(document, indent=2))
            return
        from aurora.cli.screen import show

        show(page())


@contextmanager
def session(*, as_json: bool = False) -> Iterator[Session]:
    """Turns errors into two lines on stderr and an exit code, and Ctrl-C into a word on what goes on."""
    made = Session(as_json=as_json)
    try:
        yield made
    except CliError as exc:
        report(exc, as_json=as_json)
        raise typer.Exit(exc.code) from None
    except KeyboardInterrupt:
        note(f"\n{made.if_interrupted or 'stopped'}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def leave(code: ExitCode) -> None:
    """End with this code, unless all is well."""
    if code is not ExitCode.OK:
        raise typer.Exit(code)
