"""Vast.ai: the captured offers, the documented instance, and the error bodies of its documentation."""

from contextlib import aclosing, asynccontextmanager

from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    OfferGone,
    PaymentRequired,
    RateLimited,
)
from aurora.domain.instance import InstanceState as S
from aurora.domain.operation import Operation as Op
from aurora.providers.vastai import VastAccount, VastProvider
from tests.conformance.description import ENV_SECRET, Case, Description, Market, recording
from tests.unit.providers.loopback import KEY, Loopback, Reply, SkippingClock, fixture
from tests.unit.providers.vast_booth import GPUS, INSTANCE_KEY, PLACES, Booth, vast_at


@asynccontextmanager
async def market(*, guard=None, attempt_s=5.0, at=None):
    clock, booth = SkippingClock(), Booth()
    guard = guard(clock) if guard else recording()
    async with Loopback(booth) as server:
        booth.base = server.url
        provider = vast_at(at or server, clock=clock, guard=guard, attempt_s=attempt_s)

        def refuse_key():
            refused = {"error": "auth_error", "msg": f"Invalid user key {KEY}"}
            server.handler = lambda _: Reply(refused, status=401)

        async with aclosing(provider):
            yield Market(
                provider,
                clock,
                guard,
                server,
                booth,
                "39235233",
                requests=lambda: len(server.asked),
                write_logs=lambda number, *lines: booth.logs.setdefault(int(number), []).extend(lines),
                vanish=lambda number: booth.instances.pop(int(number)),
                set_status=lambda number, status: booth.instances[int(number)].update(actual_status=status),
                refuse_key=refuse_key,
                secrets=(KEY, ENV_SECRET, INSTANCE_KEY),
                other_offer_id="39209551",
                slice_key="A100 SXM4",
            )


def show(market, rows):
    """The booth has the capture of 2026; one row is of the capture of 2024."""
    (row,) = fixture("bundles_rtx4090_2024-07-30.json")["offers"]
    market.booth.offers[row["id"]] = row


def refused(status, error, msg, **more):
    return Reply({"success": False, "error": error, "msg": msg, **more}, status=status)


CALLED = {
    "POST /api/v0/bundles/": Op.OFFERS,
    "PUT /api/v0/asks/{id}/": Op.CREATE,
    "GET /api/v0/instances/{id}/": Op.STATUS,
    "GET /api/v1/instances/": Op.LIST,
    "DELETE /api/v0/instances/{id}/": Op.TERMINATE,
    "PUT /api/v0/instances/request_logs/{id}": Op.LOGS,
}
"""The charges are not read, and instances are not changed: `PUT /api/v0/instances/{id}/`."""
DOCUMENTED = {
    (Op.OFFERS, 400): InvalidProviderRequest,
    (Op.OFFERS, 404): CredentialRefused,
    (Op.CREATE, 400): InvalidProviderRequest,
    (Op.CREATE, 403): InvalidProviderRequest,
    (Op.CREATE, 404): OfferGone,
    (Op.CREATE, 410): OfferGone,
    (Op.CREATE, 429): RateLimited,
    (Op.STATUS, 400): InvalidProviderRequest,
    (Op.STATUS, 401): CredentialRefused,
    (Op.STATUS, 429): RateLimited,
    (Op.LIST, 400): InvalidProviderRequest,
    (Op.LIST, 429): RateLimited,
    (Op.TERMINATE, 400): InvalidProviderRequest,
    (Op.TERMINATE, 404): None,
    (Op.TERMINATE, 429): RateLimited,
    (Op.LOGS, 404): InstanceNotFound,
    (Op.LOGS, 403): InvalidProviderRequest,
}


def documented():
    """Every example of an error in the documentation, of the operations that we use."""
    for example in fixture("docs_error_bodies.json"):
        operation = CALLED.get(f"{example['method']} {example['path']}")
        if operation is not None:
            status = example["status"]
            yield Case(operation, Reply(example["body"], status=status), DOCUMENTED[operation, status])


NO_ASK = "no_such_ask Instance type by id 5 is not available."
SLOW = {"detail": "API requests too frequent endpoint threshold=2.0"}
ERRORS = (
    *documented(),
    # what other people met, and what the documentation says without an example
    Case(Op.OFFERS, Reply(SLOW, 429), RateLimited),
    Case(Op.OFFERS, Reply({"error": "search_quota_exceeded", "msg": "Daily"}, 429), RateLimited),
    Case(Op.CREATE, refused(400, "invalid_price", "x"), InvalidProviderRequest),
    Case(Op.CREATE, refused(400, "insufficient_credit", "Your account lacks credit"), PaymentRequired),
    Case(Op.CREATE, refused(400, "spend_rate_limit", "young account"), PaymentRequired),
    Case(Op.CREATE, refused(400, "no_such_ask", NO_ASK), OfferGone),
    Case(Op.CREATE, refused(401, "auth_error", "Invalid user key"), CredentialRefused),
    Case(Op.CREATE, refused(404, None, "template not found"), InvalidProviderRequest),
    Case(Op.CREATE, refused(409, "no_such_ask", NO_ASK), OfferGone),
    Case(Op.CREATE, Reply("gone", 410), OfferGone),
    Case(Op.CREATE, refused(200, "no_such_ask", NO_ASK), OfferGone),
    Case(Op.CREATE, refused(200, None, "Your account lacks credit"), PaymentRequired),
    Case(Op.CREATE, refused(200, None, "no"), InvalidProviderRequest),
    Case(Op.STATUS, Reply({"error": None, "msg": "Invalid user key"}, 404), CredentialRefused),
    Case(Op.STATUS, Reply("forbidden", 403), CredentialRefused),
    Case(Op.STATUS, Reply({"error": "no_such_instance", "msg": "x"}, 404), InstanceNotFound),
    Case(Op.STATUS, Reply({"error": "invalid_args", "msg": "no_such_instance 5"}, 400), InstanceNotFound),
    Case(Op.STATUS, Reply({"instances": None}), InstanceNotFound),
    Case(Op.STATUS, Reply("API requests too frequent: endpoint threshold=2.5", 429), RateLimited),
    Case(Op.LIST, Reply("", 429), RateLimited),
    Case(Op.TERMINATE, refused(404, "auth_error", "Invalid user key"), CredentialRefused),
    Case(Op.TERMINATE, refused(410, "gone", ""), None),
    Case(Op.TERMINATE, refused(200, "no_such_instance", ""), None),
)
STATUSES = {
    None: S.STARTING,
    "created": S.STARTING,
    "loading": S.STARTING,
    "running": S.RUNNING,
    "stopped": S.STOPPED,
    "exited": S.EXITED,
    "offline": S.UNREACHABLE,
    "unknown": S.UNREACHABLE,
}


def crowd(market, number):
    """Pages of 25."""
    row = market.booth.instances[int(number)]
    market.booth.instances |= {n: {**row, "id": n} for n in range(1, 60)}
    return len(market.booth.instances)


def emulated(url, clock, guard):
    return VastProvider.connect(
        VastAccount(SecretStr("any-key"), base_url=f"{url}/vastai"),
        guard=guard,
        clock=clock,
        gpus=GPUS,
        places=PLACES,
    )


DESCRIPTIONS = (
    Description(
        "vastai",
        "vastai",
        market,
        known="vastai",
        show=show,
        statuses=STATUSES,
        errors=ERRORS,
        emulator="vastai",
        emulated=emulated,
        crowd=crowd,
    ),
)
