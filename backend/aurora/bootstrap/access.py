"""Keys, tenants, audit log and doors, and what keeps them fresh."""

from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from aurora.db.database import Database
from aurora.db.engine import sqlite_path
from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.tenant import DEFAULT_TENANT
from aurora.services.audit import AuditDesk
from aurora.services.doors import DoorPolicy, Doors
from aurora.services.keys import KeyBook, KeyDesk
from aurora.services.reseal import unreadable
from aurora.services.sealing import Sealer, own_secret
from aurora.services.tenant_book import TenantBook
from aurora.services.tenants import TenantDesk, TenantRules
from aurora.settings import Settings, SettingsError
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.outages import Outages

_REFRESH_S = 2.0
"""A key that another replica revoked opens nothing here so much later."""
_FLUSH_EVERY = 15
"""Refreshes between two writes of when keys were last used."""
_NAME = "refresh keys and tenants"


class Entrance:
    """Fits `api.ports.Entrance`."""

    def __init__(
        self, settings: Settings, *, database: Database, rules: TenantRules, clock: Clock, metrics: Metrics
    ) -> None:
        self._clock = clock
        self.book = TenantBook(database, clock=clock)
        self.key_book = KeyBook(database, clock=clock)
        self.tenants = TenantDesk(database, self.book, rules=rules, clock=clock)
        self.keys = KeyDesk(database, self.key_book, clock=clock)
        self.audit = AuditDesk(database, clock=clock, unwritten=metrics.audit_unwritten)
        self.doors = Doors(
            self.key_book,
            self.book,
            policy=DoorPolicy(requests=settings.inbound_rate_limit),
            clock=clock,
            refused=metrics.inbound_refused,
        )

    async def load(self) -> None:
        """Know the tenant of those who call without a key before the first of them does."""
        await self.book.get(DEFAULT_TENANT)

    async def refresh(self) -> None:
        """Notice what other processes changed. Raises DatabaseUnavailable."""
        await self.key_book.refresh()
        await self.book.refresh()

    async def run(self, report: Outages) -> NoReturn:
        """Refresh every two seconds, for ever; what fails is said once and tried again."""
        turn = 0
        while True:
            await self._clock.sleep(_REFRESH_S)
            turn += 1
            try:
                await self.refresh()
                if turn % _FLUSH_EVERY == 0:
                    await self.key_book.flush()
                report.succeeded(_NAME)
            except DatabaseUnavailable as exc:
                report.failed(_NAME, exc)

    async def aclose(self) -> None:
        """Write what is not written yet."""
        with suppress(DatabaseUnavailable):
            await self.key_book.flush()


def sealer_of(settings: Settings) -> Sealer:
    """Under SECRET_KEY, which SECRET_KEY_PREVIOUS goes on opening for."""
    previous = settings.secret_key_previous
    return Sealer(_secret(settings), None if previous is None else previous.get_secret_value())


async def check_seal(database: Database, sealer: Sealer) -> None:
    """Raise SettingsError when what goes on cannot be opened: nothing is changed, and the right key mends it."""
    deployment = await unreadable(database, sealer)
    if deployment is not None:
        raise SettingsError(
            f"SECRET_KEY: cannot open what was stored with {deployment}; after a change of the key set "
            "SECRET_KEY_PREVIOUS to the former one, and run `aurora reseal`"
        )


def _secret(settings: Settings) -> str:
    """SECRET_KEY; in emulated mode one of our own, beside the embedded database."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    file = sqlite_path(settings.database_url.get_secret_value())
    folder = Path(file).parent if file is not None else Path("var")
    return own_secret(folder / "secret.key")
