"""Emulated and live never mix: not in one database either."""

from aurora.db.database import Database
from aurora.db.repositories import deployments
from aurora.settings import Mode, SettingsError


async def refuse_the_other_mode(database: Database, mode: Mode) -> None:
    """Raises SettingsError while deployments of the other mode have not ended.

    Their instances are not on this mode's markets: they would be taken for vanished and, back in the other mode,
    for orphans, which are destroyed.
    """
    async with database.read() as connection:
        number = await deployments.open_in_mode(connection, emulated=mode is not Mode.EMULATED)
    if number:
        other = Mode.LIVE if mode is Mode.EMULATED else Mode.EMULATED
        raise SettingsError(
            f"AURORA_MODE: {number} deployments in this database are {other} and have not ended; end them with "
            f"AURORA_MODE={other}, or give {mode} mode a DATABASE_URL of its own"
        )
