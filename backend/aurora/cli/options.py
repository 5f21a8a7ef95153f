"""Options that several commands take, and commands whose options are a dataclass."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
Watching = Annotated[bool, typer.Option("--watch", help="Keep looking, until Ctrl-C or the end.")]
EnvFile = Annotated[
    str, typer.Option("--env-file", help="Settings file; an empty value reads the environment only.")
]


def taking(options: type[T]) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """A command with one parameter, whose fields (Annotated with `typer.Option`) become its options.

    For commands with more options than a function should have parameters, or that share all of them.
    """

    def decorate(command: Callable[[T], None]) -> Callable[..., None]:
        def expanded(**given: Any) -> None:
            command(options(**given))

        expanded.__doc__ = command.__doc__
        expanded.__name__ = command.__name__
        expanded.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what typer reads
            [_parameter(each) for each in fields(options)]  # type: ignore[arg-type]  # T is a dataclass
        )
        return expanded

    return decorate


def _parameter(each: "Field[Any]") -> inspect.Parameter:
    default = inspect.Parameter.empty if each.default is MISSING else each.default
    return inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=each.type)
