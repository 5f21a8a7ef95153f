"""Log lines: JSON for machines, colours for a terminal, secrets for nobody."""

import logging
import sys
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.types import Processor

from aurora.domain import request_id
from aurora.telemetry.redaction import Redactor
from aurora.telemetry.taming import Tamer

_FOREIGN = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "aiohttp",
    "aiohttp.client",
    "asyncio",
    "sqlalchemy",
)
"""Loggers of others whose own handlers are taken away, so that every line passes our redaction."""
_QUIET = {"sqlalchemy.engine": logging.WARNING, "aiosqlite": logging.WARNING, "alembic": logging.WARNING}
"""Libraries that would print statements with their parameters (env, keys) at INFO or DEBUG."""


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """`level` is a name of the logging module; `console` None means: when the stream is a terminal."""

    level: str = "INFO"
    console: bool | None = None


def configure(redactor: Redactor, policy: LogPolicy | None = None, *, stream: TextIO | None = None) -> None:
    """Route structlog and every standard logger through one redacting handler on `stream` (stderr).

    Called once by an entry point, before anything is logged; uvicorn must be started with `log_config=None`.
    Logging is the process's, so this is the one place that changes process-wide state.
    """
    policy = policy or LogPolicy()
    out = stream or sys.stderr
    console = out.isatty() if policy.console is None else policy.console
    handler = _Handler(out)
    handler.setFormatter(_formatter(redactor, console=console))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(policy.level)
    for name in _FOREIGN:
        foreign = logging.getLogger(name)
        foreign.handlers[:] = []
        foreign.propagate = True
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _shared() -> Sequence[Processor]:
    """What every line gets, ours and the libraries' alike."""
    return (
        structlog.contextvars.merge_contextvars,
        _with_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    )


def _formatter(redactor: Redactor, *, console: bool) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Tracebacks become text before redaction; structlog's pretty ones would print local variables.
            structlog.processors.format_exc_info,
            _Redaction(redactor),
            Tamer(console=console),
            _Written(_renderer(console=console), redactor),
        ],
    )


def _renderer(*, console: bool) -> Processor:
    if console:
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _with_request_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    current = request_id.current()
    if current is not None:
        event.setdefault("request_id", current)
    return event


class _Redaction:
    """The last processor before rendering: works on plain values only."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        return self._redactor.fields(event)


class _Written:
    """The renderer, and one more look at the finished line: a value split over fields could join up there."""

    def __init__(self, render: Processor, redactor: Redactor) -> None:
        self._render = render
        self._redactor = redactor

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        return self._redactor.values(str(self._render(logger, method, event)))


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to its stream; a record that cannot be formatted is named, never dumped with its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        kind = (sys.exc_info()[0] or Exception).__name__
        if kind in {"BrokenPipeError", "ValueError"} and self.stream.closed:
            return
        self.stream.write(
            f'{{"event": "log_record_unformattable", "logger": "{record.name}", "error": "{kind}"}}\n'
        )


def _log_uncaught(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
    """What Python would print in clear goes through the log; Ctrl-C stays quiet."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("aurora").critical("uncaught_exception", exc_info=(kind, exc, trace))
