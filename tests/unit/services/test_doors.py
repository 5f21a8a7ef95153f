"""Tenants ask as often as they may; wrong keys are slowed down; good ones cost the database nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aurora.db.database import Database
from aurora.domain.errors import DatabaseUnavailable, InboundLimit
from aurora.domain.region import RegionTable
from aurora.services.doors import DoorPolicy, Doors
from aurora.services.keys import KeyBook, KeyDesk, KeyWish
from aurora.services.ports import Caller
from aurora.services.router_config import HardLimits
from aurora.services.tenant_book import TenantBook
from aurora.services.tenant_document import LimitsDocument, QuotasDocument
from aurora.services.tenants import TenantChange, TenantDesk, TenantRules
from tests.databases import Unreachable
from tests.fakes.clock import FakeClock

ADMIN = Caller(actor="admin")
HERE, THERE = "198.51.100.7", "198.51.100.8"
WRONG = "aur_" + "x" * 43


class Counting(Database):
    """Counts transactions; can go away."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.engine)
        self.reads = 0
        self._there = database.engine

    def read(self):
        self.reads += 1
        return super().read()

    @contextmanager
    def away(self) -> Iterator[None]:
        self._engine = Unreachable(self._there)
        try:
            yield
        finally:
            self._engine = self._there


class Porch:
    """The doors, and desks to make keys and tenants with."""

    def __init__(self, database: Counting, **policy: float) -> None:
        self.database = database
        self.clock = FakeClock()
        self.tenants = TenantBook(database, clock=self.clock)
        self.book = KeyBook(database, clock=self.clock)
        self.keys = KeyDesk(database, self.book, clock=self.clock)
        rules = TenantRules(frozenset({"vastai"}), RegionTable.load(), HardLimits())
        self.desk = TenantDesk(database, self.tenants, rules=rules, clock=self.clock)
        self.doors = Doors(
            self.book, self.tenants, policy=DoorPolicy(**policy), clock=self.clock, refused=lambda _: None
        )

    async def key(self, tenant: str = "default") -> str:
        made = await self.keys.create(tenant, KeyWish("k", frozenset({"route"})), caller=ADMIN)
        return made.secret


@pytest.fixture
def database(sqlite_database) -> Counting:
    return Counting(sqlite_database)


async def test_a_known_key_asks_the_database_nothing(database):
    porch = Porch(database)
    secret = await porch.key()
    await porch.doors.holder(secret, address=HERE)
    before = database.reads

    for _ in range(50):
        assert (await porch.doors.holder(secret, address=HERE)).tenant == "default"
        porch.doors.pass_one("default")

    assert database.reads == before


async def test_a_repeated_wrong_key_asks_the_database_once(database):
    porch = Porch(database)

    for _ in range(5):
        assert await porch.doors.holder(WRONG, address=HERE) is None

    assert database.reads == 1


@pytest.mark.parametrize("secret", ["", "aur_", "aur_short", "x" * 47, WRONG + "y", "aur_" + "é" * 43])
async def test_what_cannot_be_a_key_asks_the_database_nothing(database, secret):
    porch = Porch(database)

    assert await porch.doors.holder(secret, address=HERE) is None
    assert database.reads == 0


async def test_an_address_that_guesses_is_slowed_down_alone_and_known_keys_go_on(database):
    porch = Porch(database, wrong_keys=3)
    known, new = await porch.key(), await porch.key()
    await porch.doors.holder(known, address=HERE)
    for number in range(3):
        assert await porch.doors.holder(f"aur_{number:043}", address=HERE) is None

    with pytest.raises(InboundLimit) as caught:
        await porch.doors.holder(WRONG, address=HERE)
    with pytest.raises(InboundLimit):
        await porch.doors.holder(new, address=HERE)

    assert caught.value.retry_after == pytest.approx(20)
    assert (await porch.doors.holder(known, address=HERE)) is not None
    assert (await porch.doors.holder(new, address=THERE)) is not None
    porch.clock.advance(20)
    assert await porch.doors.holder(WRONG, address=HERE) is None


async def test_a_tenant_has_its_minute_and_others_have_theirs(database):
    porch = Porch(database, requests=3)
    for _ in range(3):
        porch.doors.pass_one("default")

    with pytest.raises(InboundLimit) as caught:
        porch.doors.pass_one("default")
    porch.doors.pass_one("other")

    assert caught.value.retry_after == pytest.approx(20)
    porch.clock.advance(20)
    porch.doors.pass_one("default")


async def test_a_tenants_own_rate_replaces_the_common_one_as_soon_as_it_is_known(database):
    porch = Porch(database, requests=100)
    own = LimitsDocument(quotas=QuotasDocument(requests_per_minute=1))
    await porch.desk.create("slow", TenantChange(frozenset({"limits"}), limits=own), caller=ADMIN)
    await porch.doors.holder(await porch.key("slow"), address=HERE)

    porch.doors.pass_one("slow")
    with pytest.raises(InboundLimit, match="slow may ask 1 times a minute"):
        porch.doors.pass_one("slow")


async def test_no_rate_is_no_limit(database):
    porch = Porch(database, requests=0)

    for _ in range(1000):
        porch.doors.pass_one("default")


async def test_without_the_database_known_keys_go_on_and_unknown_ones_are_not_called_wrong(database):
    porch = Porch(database)
    known, unknown = await porch.key(), await porch.key()
    await porch.doors.holder(known, address=HERE)

    with database.away():
        porch.clock.advance(59)
        assert await porch.doors.holder(known, address=HERE) is not None
        with pytest.raises(DatabaseUnavailable):
            await porch.doors.holder(unknown, address=HERE)
        porch.clock.advance(2)
        with pytest.raises(DatabaseUnavailable):
            await porch.doors.holder(known, address=HERE)
    assert await porch.doors.holder(known, address=HERE) is not None


async def test_use_is_written_later_and_not_lost_while_the_database_is_away(database):
    porch = Porch(database)
    secret = await porch.key()
    key = await porch.doors.holder(secret, address=HERE)
    used = porch.clock.now()

    with database.away(), pytest.raises(DatabaseUnavailable):
        await porch.book.flush()
    assert (await porch.keys.get(key.id)).last_used_at is None
    await porch.book.flush()

    assert (await porch.keys.get(key.id)).last_used_at == used
