"""A hand-written HTTP server in Aurora's place, and running the command against it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from typer import Typer
from typer.testing import CliRunner

from aurora.cli.main import app


@dataclass
class Asked:
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """One answer: JSON, text, or lines of a stream; `cut` breaks the connection off instead of ending it."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    lines: list[str] | None = None
    cut: bool = False


def problem(status: int, code: str, detail: str, *fields: tuple[str, str], **headers: str) -> Reply:
    errors = [{"field": name, "message": message} for name, message in fields]
    body = {
        "type": f"urn:aurora:problem:{code}",
        "title": "Problem",
        "status": status,
        "code": code,
        "detail": detail,
        "errors": errors,
        "request_id": "req-1",
    }
    return Reply(body, status, {"Content-Type": "application/problem+json", **headers})


class StandIn:
    """Answers by method and path; several replies are given one after the other, the last one again and again."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._replies: dict[tuple[str, str], list[Reply]] = {}

    def on(self, call: str, *replies: Any) -> "StandIn":
        """`on("GET /offers", {...})`."""
        method, path = call.split(" ")
        self._replies[method, path] = [one if isinstance(one, Reply) else Reply(one) for one in replies]
        return self

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        waiting = self._replies.get((asked.method, asked.path))
        if waiting is None:
            return problem(404, "not_found", "Not Found")
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def calls(self, method: str) -> list[Asked]:
        return [one for one in self.asked if one.method == method]


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def _handler(standin: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(raw) if raw else None,
            )
            self._write(standin.reply(asked))
            self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - names of the standard library

        def _write(self, reply: Reply) -> None:
            if reply.lines is not None:
                self._stream(reply)
                return
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            missing = 10 if reply.cut else 0
            self.send_header("Content-Length", str(len(text.encode()) + missing))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        def _stream(self, reply: Reply) -> None:
            """Chunks, as Aurora streams a log; the last one is missing when the connection is cut."""
            self.send_response(reply.status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in reply.lines or ():
                data = f"{line}\n".encode()
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            if not reply.cut:
                self.wfile.write(b"0\r\n\r\n")

    return Handler


@contextmanager
def serving(standin: StandIn) -> Iterator[str]:
    """The stand-in's address while it serves."""
    with _Server(("127.0.0.1", 0), _handler(standin)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def longest(self) -> int:
        return max(len(line) for line in self.out.splitlines())


def run(url: str, *arguments: str, width: int = 100, key: str = "", **environment: str) -> Done:
    """Run the command in this process. An error that it did not foresee is raised."""
    env = {"AURORA_URL": url, "AURORA_API_KEY": key, "COLUMNS": str(width), "NO_COLOR": "1", **environment}
    result = CliRunner().invoke(app, list(arguments), env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


Aurora = Callable[..., Done]


def commands() -> list[str]:
    """Every command, as it is typed behind `aurora`."""
    return [
        f"{group.name} {name}" if isinstance(group.name, str) else name
        for group in app.registered_groups
        for name in _names(group.typer_instance)
    ]


def _names(group: Typer | None) -> list[str]:
    assert group is not None
    return [one.name or getattr(one.callback, "__name__", "") for one in group.registered_commands]
