"""One exit stack: whatever is opened is closed in reverse, also when start-up fails half-way."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aurora.bootstrap.assembly import Aurora
from aurora.bootstrap.files import Files
from aurora.db import schema
from aurora.db.database import Database
from aurora.db.engine import create_engine, create_writer, dispose, sqlite_path
from aurora.db.lock import FileLock
from aurora.db.patience import Patience
from aurora.db.repositories import installation
from aurora.domain.clock import Clock
from aurora.settings import Settings


@asynccontextmanager
async def running(
    settings: Settings, *, clock: Clock, patience: Patience | None = None
) -> AsyncIterator[Aurora]:
    """Open, build, read; close in reverse. Raises SettingsError, ConfigError, DatabaseInUse, DatabaseUnavailable."""
    url = settings.database_url.get_secret_value()
    file = sqlite_path(url)
    async with AsyncExitStack() as stack:
        if file is not None:
            lock = FileLock(file)
            lock.acquire()
            stack.callback(lock.release)
        files = Files.load(Path(settings.config_dir))
        engine = create_engine(url)
        stack.push_async_callback(dispose, engine)
        database = Database(engine, patience=patience, writer=create_writer(engine))
        async with database.read() as connection:
            await connection.run_sync(schema.require)
            own = settings.installation_id or await installation.installation_id(connection)
        aurora = Aurora(settings, database=database, clock=clock, files=files, own=own)
        stack.push_async_callback(aurora.aclose)
        await aurora.start(alone=file is not None)
        yield aurora
