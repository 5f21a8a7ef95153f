"""Aethir, Flux, and Render without a secret key: one adapter, and one booth in the shapes of docs/gateway-openapi.yaml."""

from contextlib import aclosing, asynccontextmanager
from functools import partial

from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    Misconfigured,
    NoCapacity,
    NotSupported,
    OfferGone,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState as S
from aurora.domain.operation import Operation as Op
from aurora.providers.gateway import GatewayAccount, GatewayProvider
from aurora.providers.gateway.errors import KeyInUse, StalePosition
from tests.conformance.description import ENV_SECRET, Case, Description, Market, recording
from tests.unit.providers.gateway.gateway_booth import (
    GPUS,
    KEY,
    OFFER,
    PLACES,
    Booth,
    gateway_at,
    refusal,
    row,
)
from tests.unit.providers.loopback import Loopback, SkippingClock


@asynccontextmanager
async def market(name, *, guard=None, attempt_s=5.0, at=None):
    clock, booth = SkippingClock(), Booth()
    guard = guard(clock) if guard else recording()
    async with Loopback(booth) as server:
        provider = gateway_at(at or server, clock=clock, guard=guard, attempt_s=attempt_s, name=name)

        def refuse_key():
            server.handler = lambda _: refusal(401, "unauthenticated", f"no account for {KEY}")

        async with aclosing(provider):
            yield Market(
                provider,
                clock,
                guard,
                server,
                booth,
                OFFER,
                requests=lambda: len(server.asked),
                write_logs=lambda job, *lines: booth.log.setdefault(job, []).extend(lines),
                vanish=booth.jobs.pop,
                set_status=lambda job, status: booth.jobs[job].update(status=status),
                refuse_key=refuse_key,
                secrets=(KEY, ENV_SECRET),
                other_offer_id=f"{OFFER}-1",
                order={"ports": ("8080",)},
            )


def show(market, rows):
    """The rows that the contract's own pages show."""
    market.booth.offers = {each["offer"]: row(each["offer"], **each["listed"]) for each in rows}


DOCUMENTED = (
    (400, "bad_json", InvalidProviderRequest),
    (400, "missing_idempotency_key", InvalidProviderRequest),
    (400, "invalid_cursor", StalePosition),
    (401, "unauthenticated", CredentialRefused),
    (402, "insufficient_funds", PaymentRequired),
    (403, "forbidden", CredentialRefused),
    (422, "invalid_request", InvalidProviderRequest),
    (429, "rate_limited", RateLimited),
    (409, "no_capacity", NoCapacity),
    (409, "price_changed", OfferGone),
    (410, "logs_expired", NotSupported),
    (500, "internal", Unavailable),
    (502, "upstream_error", Unavailable),
    (503, "unavailable", Unavailable),
    (504, "upstream_timeout", Unavailable),
)
NOT_FOUND = {
    Op.OFFERS: Misconfigured,
    Op.CREATE: OfferGone,
    Op.STATUS: InstanceNotFound,
    Op.LOGS: InstanceNotFound,
    Op.TERMINATE: None,
    Op.LIST: Misconfigured,
    Op.HEALTH: Misconfigured,
}
ERRORS = (
    *(Case(op, refusal(status, code), meaning) for op in Op for status, code, meaning in DOCUMENTED),
    *(Case(op, refusal(404, "not_found"), meaning) for op, meaning in NOT_FOUND.items()),
    Case(Op.CREATE, refusal(409, "idempotency_mismatch"), KeyInUse),
    Case(Op.CREATE, refusal(409, "idempotency_in_progress", headers={"Retry-After": "1"}), KeyInUse),
)
STATUSES = {
    "queued": S.STARTING,
    "provisioning": S.STARTING,
    "running": S.RUNNING,
    "stopping": S.ENDING,
    "succeeded": S.EXITED,
    "failed": S.STOPPED,  # after it ran, and nothing says why
}


def crowd(market, job):
    """Pages of 200."""
    row = market.booth.jobs[job]
    market.booth.jobs |= {f"{n:04}": {**row, "id": f"{n:04}"} for n in range(10, 260)}
    return len(market.booth.jobs)


def emulated(name, url, clock, guard):
    account = GatewayAccount(name, SecretStr("any-key"), f"{url}/{name}/v1", emulated=True)
    return GatewayProvider.connect(account, guard=guard, clock=clock, gpus=GPUS, places=PLACES)


def described(name, folder):
    return Description(
        name,
        folder,
        partial(market, name),
        known="gateway",
        show=show,
        statuses=STATUSES,
        errors=ERRORS,
        emulator=name,
        emulated=partial(emulated, name),
        crowd=crowd,
    )


DESCRIPTIONS = (described("aethir", "aethir"), described("flux", "flux"), described("render", "gateway"))
