"""After SECRET_KEY was changed: seal everything that is stored under the new one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aurora.db.database import Database
from aurora.db.repositories import sealed as rows
from aurora.services.sealing import SealBroken, Sealer

_BATCH = 200
_LOOKED_AT = 20


@dataclass(slots=True)
class ResealReport:
    """How far it got. `unreadable` names deployments that no key of ours opens; they stay as they are."""

    resealed: int = 0
    already: int = 0
    unreadable: list[str] = field(default_factory=list)


async def reseal(
    database: Database,
    sealer: Sealer,
    *,
    tell: Callable[[ResealReport], None] = lambda _: None,
    batch: int = _BATCH,
) -> ResealReport:
    """Batch by batch, each committed by itself; run again after a break, it passes over what is done.

    A running Aurora does not mind: what it stores meanwhile is sealed by the new key already. Raises
    DatabaseUnavailable; what was committed stays.
    """
    report = ResealReport()
    after = ""
    while True:
        async with database.read() as connection:
            found = await rows.page(connection, after=after, limit=batch)
        if not found:
            return report
        after = found[-1][0]
        await _write(database, _changes(found, sealer, report))
        tell(report)


def _changes(
    found: Sequence[tuple[str, str]], sealer: Sealer, report: ResealReport
) -> list[tuple[str, str, str]]:
    changes = []
    for deployment_id, old in found:
        try:
            new = sealer.resealed(old)
        except SealBroken:
            report.unreadable.append(deployment_id)
            continue
        if new is None:
            report.already += 1
        else:
            report.resealed += 1
            changes.append((deployment_id, old, new))
    return changes


async def _write(database: Database, changes: Sequence[tuple[str, str, str]]) -> None:
    if changes:
        async with database.write() as connection:
            for deployment_id, old, new in changes:
                await rows.replace(connection, deployment_id, old=old, new=new)


async def unreadable(database: Database, sealer: Sealer) -> str | None:
    """One of the newest deployments that go on and cannot be opened with our keys; None when all can."""
    async with database.read() as connection:
        found = await rows.newest_active(connection, limit=_LOOKED_AT)
    return next((deployment_id for deployment_id, text in found if not sealer.opens(text)), None)
