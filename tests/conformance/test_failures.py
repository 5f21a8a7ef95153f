"""What goes wrong: every documented refusal, and every fault of the transport on every operation."""

import traceback

import pytest

from aurora.domain.errors import (
    MalformedAnswer,
    NotSent,
    OutcomeUnknown,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState
from aurora.domain.operation import Operation
from tests.conformance.asking import NOWHERE, calls, direct, guarded
from tests.conformance.description import NAME, missing
from tests.conformance.kit import promise
from tests.unit.providers.loopback import Raw, Reply

FAULTS = {
    "no answer": (Raw(then="hang"), ProviderTimeout),
    "500": (Reply("", status=500), Unavailable),
    "429": (Reply("", status=429, headers={"Retry-After": "7"}), RateLimited),
    "broken JSON": (Reply(b'{"data": ['), MalformedAnswer),
    "a page": (Reply("<html>fine</html>"), MalformedAnswer),
    "truncated": (Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), Unavailable),
    "reset after its effect": (Raw(then="reset"), Unavailable),
}
"""What comes instead of the answer, and what it means. To a create all but a 429 mean: nobody knows."""
CERTAIN = {"unreachable", "429"}
"""After these it is certain that a create had no effect: it may be repeated."""
ATTEMPT_S = 0.03
FEWEST = 10


class Broken:
    """A market of which one operation is broken in one way."""

    def __init__(self, market):
        self.market = market
        self.creates = 0

    def break_(self, kind, operation):
        server = self.market.server
        if not hasattr(server, "handler"):
            server.break_(kind, operation)
            return
        booth, reply = self.market.booth, FAULTS[kind][0]
        self.creates = 0

        def handler(asked):
            if self.market.guard.now is not operation:
                return booth(asked)
            self.creates += operation is Operation.CREATE
            if "effect" in kind:
                booth(asked)
            return reply

        server.handler = handler

    def heal(self):
        if hasattr(self.market.server, "handler"):
            self.market.server.handler = self.market.booth
        else:
            self.market.server.heal()


async def outcome(ask):
    try:
        await ask()
    except ProviderError as error:
        return error
    return None


def expected(described, kind, operation):
    told = described.outcomes.get((kind, operation), FAULTS.get(kind, (None, NotSent))[1])
    return OutcomeUnknown if operation is Operation.CREATE and kind not in CERTAIN else told


def shown(error):
    return "".join(traceback.format_exception(error)) + repr(error)


@promise("faults", "secrets")
@pytest.mark.parametrize("kind", [*FAULTS], ids=lambda kind: kind.replace(" ", "-"))
async def test_a_fault_of_each_operation_has_its_outcome_and_no_create_is_sent_twice(described, kind, caplog):
    caplog.set_level(0)
    async with described.market(guard=guarded, attempt_s=ATTEMPT_S if kind == "no answer" else 5.0) as market:
        broken = Broken(market)
        created = await market.launch()
        wrong = {}
        for operation, ask in calls(market, created.external_id).items():
            sent = market.server.creates() if hasattr(market.server, "creates") else 0
            broken.break_(kind, operation)
            error = await outcome(ask)
            meant = expected(described, kind, operation)
            if not isinstance(error, meant):
                wrong[operation] = error
            sends = market.server.creates() - sent if hasattr(market.server, "creates") else broken.creates
            if operation is Operation.CREATE:
                assert sends == (2 if kind == "429" else 1)
                assert error.outcome_known is (kind in CERTAIN)
            if kind == "429":
                assert error.retry_after >= 7
            assert not [secret for secret in market.secrets if secret in shown(error)]
            broken.heal()
        assert wrong == {}
        await survived(described, market, created, effect="effect" in kind)
    assert not [secret for secret in market.secrets if secret in caplog.text]


async def survived(described, market, created, *, effect):
    """What runs is still there (a terminate may have got through), and a lost create is found by its name."""
    market.clock.elapsed += market.provider.capabilities.list_settles_within_s
    listed = {each.name: each.state for each in await market.provider.list_own()}
    if not effect:
        assert (await market.provider.status(created.external_id)).state is InstanceState.RUNNING
    assert (NAME.format(1) in listed) is not effect or described.folder == "fake"
    assert (NAME.format(2) in listed) is effect


@promise("faults")
async def test_a_market_that_cannot_be_reached_was_certainly_not_asked(described):
    async with described.market(guard=guarded, at=NOWHERE) as market:
        wrong = {}
        for operation, ask in calls(market, market.absent_id).items():
            if not hasattr(market.server, "handler"):
                market.server.break_("unreachable", operation)
            error = await outcome(ask)
            if type(error) is not NotSent or not error.outcome_known:
                wrong[operation] = error

    assert wrong == {}


def answering(market, case):
    """Every request of the operation is refused; of a create the first one: what follows asks what came of it."""
    refused = []

    def handler(asked):
        if market.guard.now is not case.operation or (refused and case.operation is Operation.CREATE):
            return market.booth(asked)
        refused.append(asked)
        return case.reply

    return handler


@promise("errors", "secrets")
async def test_every_documented_refusal_has_its_meaning(described):
    if len(described.errors) < FEWEST:
        missing(f"tests/conformance/markets ({described})", f"ERRORS, {FEWEST} documented refusals at least,")
    wrong = []
    async with described.market(guard=direct) as market:
        created = await market.launch()
        market.clock.elapsed += 2 * market.provider.capabilities.list_settles_within_s + 1
        asks = calls(market, created.external_id)
        for case in described.errors:
            if case.operation not in asks:
                continue
            market.server.handler = answering(market, case)

            error = await outcome(asks[case.operation])

            if type(error) is not (case.meaning or type(None)):
                wrong.append((case.operation.value, case.reply, case.meaning, error))
            assert not [secret for secret in market.secrets if secret in shown(error)]
    assert wrong == []
