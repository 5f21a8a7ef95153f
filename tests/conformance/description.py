"""What the kit must know of a market: one module in `markets/` with one of these per adapter."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from aurora.domain.errors import ProviderError
from aurora.domain.instance import InstanceState
from aurora.domain.operation import Operation
from aurora.providers.base import SupportsSteps
from tests.unit.providers.loopback import KEY, RecordingGuard, Reply, SkippingClock, make_spec

HERE = Path(__file__).parent
ENV_SECRET = "hunter2-hunter2"
NAME = "aurora-abc123-0123456789ab-{}"


class NotFilledIn(AssertionError):
    """A part of a new provider that nobody has written yet."""


def missing(where: str, what: str) -> NoReturn:
    """For templates: ends the test and names what is to be written where."""
    raise NotFilledIn(f"{where}: {what} is not filled in yet")


@dataclass
class Market:
    """The adapter before a booth: a loopback server that gives the documented answers. And the levers of the tests."""

    provider: Any
    clock: SkippingClock
    guard: Any
    server: Any
    booth: Any
    offer_id: str
    requests: Callable[[], int]
    write_logs: Callable[..., Any]
    vanish: Callable[[str], Any]
    set_status: Callable[[str, Any], Any]
    """Let the market say this of an instance."""
    refuse_key: Callable[[], Any]
    secrets: Sequence[str] = (KEY, ENV_SECRET)
    other_offer_id: str = "70"
    absent_id: str = "999"
    slice_key: str = "all"
    auction: bool = False
    """Offers are estimates of what will be bid: none is firm, and none is taken by one launch."""
    roomy: bool = False
    """A create takes no certain machine, so there is room for a second one, and what is taken is not said."""
    free_disk: bool = False
    """Disk is part of the price."""
    tells_charge: bool = True
    operations: frozenset[Operation] = frozenset(Operation)
    """Those that this market has."""
    order: Mapping[str, Any] = field(default_factory=dict)
    """What of the common launch this market cannot do, changed."""

    def spec(self, number: int = 1, **changes: Any) -> Any:
        changes = {"env": {"A": ENV_SECRET}, "name": NAME.format(number), **self.order, **changes}
        return make_spec(changes.pop("offer", self.offer_id), **changes)

    async def launch(self, number: int = 1, **changes: Any) -> Any:
        """Create, and take all the steps that follow until it runs."""
        spec = self.spec(number, **changes)
        created = await self.provider.create(spec)
        if isinstance(self.provider, SupportsSteps):
            while (await self.provider.advance(created.external_id, spec)).state is InstanceState.PREPARING:
                await self.clock.sleep(1)
        return created


@dataclass(frozen=True)
class Case:
    """One documented refusal: what every request of the operation is answered with, and what that means.

    `meaning` None: it is as good as done.
    """

    operation: Operation
    reply: Reply
    meaning: type[ProviderError] | None


@dataclass(frozen=True)
class Description:
    """`market` opens the adapter before its booth (`guard(clock)`, `attempt_s`, `at`: something with another
    `url` than the booth's).

    `folder`: whose QUALITY.md holds. `known`: file in `known_offers/`; `show` puts its rows into the booth. `statuses`:
    every documented status with its state. `errors`: every documented refusal. `emulated` connects the adapter to an
    emulator at a URL, for tests of time and money; `settings` are set there first.
    """

    name: str
    folder: str
    market: Callable[..., AbstractAsyncContextManager[Market]]
    known: str | None = None
    show: Callable[[Market, Sequence[Mapping[str, Any]]], Any] = lambda _market, _rows: None
    statuses: Mapping[Any, InstanceState] = field(default_factory=dict)
    errors: Sequence[Case] = ()
    emulator: str | None = None
    emulated: Callable[[str, SkippingClock, Any], Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    crowd: Callable[[Market, str], int] | None = None
    """Put copies of an instance into the booth, enough for more than one page of the list; how many there are then."""
    absent_id: str = "999"
    outcomes: Mapping[tuple[str, Operation], type[ProviderError] | None] = field(default_factory=dict)
    """Where a fault's outcome differs from the common table, with the reason beside it."""

    def __str__(self) -> str:
        return self.name


def recording() -> RecordingGuard:
    return RecordingGuard()
