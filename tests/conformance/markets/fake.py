"""The scriptable fake: what the rest of the suite believes in keeps the same promises."""

from contextlib import aclosing, asynccontextmanager

from aurora.domain.errors import (
    CredentialRefused,
    MalformedAnswer,
    NotSent,
    OutcomeUnknown,
    ProviderTimeout,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState
from aurora.domain.operation import Operation
from aurora.providers.fake import FakeProvider, Pace
from tests.conformance.description import Description, Market, recording
from tests.unit.providers.loopback import SkippingClock, make_offer

STATES = {"running": InstanceState.RUNNING, "strange": InstanceState.UNKNOWN, "ended": InstanceState.EXITED}
FAULTS = {
    "unreachable": lambda: NotSent("fake", "refused"),
    "no answer": lambda: ProviderTimeout("fake", "silence"),
    "500": lambda: Unavailable("fake", "500"),
    "429": lambda: RateLimited("fake", "429", status=429, retry_after=7),
    "broken JSON": lambda: MalformedAnswer("fake", "{"),
    "a page": lambda: MalformedAnswer("fake", "<html>"),
    "truncated": lambda: Unavailable("fake", "cut"),
    "reset after its effect": lambda: Unavailable("fake", "reset"),
}


class Shelf:
    """What stands in for a server: the fake has none."""

    def __init__(self, provider):
        self.provider = provider
        self.asked = provider.calls

    def break_(self, kind, operation):
        """As a transport would: what was sent and not answered leaves a create unknown."""
        script, error = self.provider.script, FAULTS[kind]()
        if operation is Operation.CREATE and not error.outcome_known:
            error = OutcomeUnknown("fake", error.detail)
        if "effect" in kind and operation is Operation.CREATE:
            script.lose_next(operation, error)
        else:
            script.fail_always(operation, error)

    def heal(self):
        self.provider.script.heal()

    def creates(self):
        return self.provider.count(Operation.CREATE)


@asynccontextmanager
async def market(*, guard=None, attempt_s=5.0, at=None):
    clock = SkippingClock()
    guard = guard(clock) if guard else recording()
    offers = [
        make_offer(str(n), slice_key="A100 SXM4", country="US", regions=frozenset({"us-west"}))
        for n in range(70, 80)
    ]
    provider = FakeProvider(clock=clock, guard=guard, offers=offers, pace=Pace(boot_s=0, page_size=4))

    def refuse_key():
        for operation in Operation:
            provider.script.fail_always(operation, CredentialRefused("fake", "401 wrong key", status=401))

    async with aclosing(provider):
        yield Market(
            provider,
            clock,
            guard,
            Shelf(provider),
            None,
            "77",
            requests=lambda: len(provider.calls),
            write_logs=provider.market.write_log,
            vanish=provider.market.vanish,
            set_status=lambda number, status: provider.market.put(number, STATES[status], raw_state=status),
            refuse_key=refuse_key,
            slice_key="A100 SXM4",
        )


DESCRIPTIONS = (
    Description(
        "fake",
        "fake",
        market,
        statuses={"running": InstanceState.RUNNING, "ended": InstanceState.EXITED},
    ),
)
