"""Dispersed, which is Render with a secret key. No answer of it was ever captured: shapes are those of its clients."""

from contextlib import aclosing, asynccontextmanager

from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState as S
from aurora.domain.operation import Operation as Op
from aurora.providers.render import DispersedAccount, DispersedProvider
from aurora.providers.render.brand import DISPERSED
from tests.conformance.description import ENV_SECRET, Case, Description, Market, recording
from tests.unit.providers.loopback import Loopback, Reply, SkippingClock
from tests.unit.providers.render.dispersed_booth import (
    GPUS,
    PUBLIC,
    RTX5090,
    SECRET,
    Booth,
    dispersed_at,
    refusal,
    uuid,
)

OTHER = uuid(4090)


@asynccontextmanager
async def market(*, guard=None, attempt_s=5.0, at=None):
    clock, booth = SkippingClock(), Booth()
    guard = guard(clock) if guard else recording()
    booth.registry.append({**booth.registry[0], "uuid": OTHER, "name": "RTX 4090", "vram_gb": 24})
    async with Loopback(booth) as server:
        provider = dispersed_at(at or server, clock=clock, guard=guard, attempt_s=attempt_s)

        def refuse_key():
            server.handler = lambda _: refusal(401, "invalid_signature", f"{PUBLIC} {SECRET}")

        async with aclosing(provider):
            yield Market(
                provider,
                clock,
                guard,
                server,
                booth,
                RTX5090,
                requests=lambda: len(server.asked),
                write_logs=lambda *_: None,
                vanish=booth.jobs.pop,
                set_status=lambda job, status: booth.jobs[job].update(status=status),
                refuse_key=refuse_key,
                secrets=(PUBLIC, SECRET, ENV_SECRET),
                other_offer_id=OTHER,
                absent_id=DISPERSED.absent_id,
                auction=True,
                free_disk=True,
                tells_charge=False,
                operations=frozenset(Op) - {Op.LOGS},
                order={"ports": ("8080",), "command": (), "image": "ghcr.io/acme/app:1.2.3"},
            )
        assert booth.forged == []


def show(market, rows):
    """A registry as clients describe it, without prices: then the published ones hold."""
    market.booth.registry = [each["listed"] for each in rows]


ERRORS = (
    *(
        Case(op, reply, meaning)
        for op in (Op.HEALTH, Op.CREATE, Op.STATUS, Op.LIST)
        for reply, meaning in (
            (refusal(400), InvalidProviderRequest),
            (refusal(401), CredentialRefused),
            (refusal(402), PaymentRequired),
            (refusal(403), CredentialRefused),
            (refusal(422), InvalidProviderRequest),
            (refusal(429, headers={"Retry-After": "3"}), RateLimited),
            (refusal(500), Unavailable),
            (Reply("<html>", status=502), Unavailable),
            (Reply("404 page not found", status=404), Misconfigured),
            (Reply("[]x"), MalformedAnswer),
        )
    ),
    Case(Op.HEALTH, Reply({"data": {}}), MalformedAnswer),
    Case(Op.STATUS, refusal(404, "not_found"), InstanceNotFound),
    Case(Op.TERMINATE, refusal(404, "not_found"), None),
    Case(Op.TERMINATE, Reply("404 page not found", status=404), Misconfigured),
)
STATUSES = {
    "PENDING": S.STARTING,
    "ASSIGNED": S.STARTING,
    "PREPARING": S.STARTING,
    "RUNNING": S.RUNNING,
    "COMPLETED": S.EXITED,
    "FAILING": S.ENDING,
    "FAILED": S.FAILED,
    "CANCELLING": S.ENDING,
}


def emulated(url, clock, guard):
    account = DispersedAccount(SecretStr("emulated"), SecretStr("emulated"), f"{url}/render", emulated=True)
    return DispersedProvider.connect(account, guard=guard, clock=clock, gpus=GPUS)


DESCRIPTIONS = (
    Description(
        "dispersed",
        "render",
        market,
        known="dispersed",
        show=show,
        statuses=STATUSES,
        errors=ERRORS,
        emulator="render",
        absent_id=DISPERSED.absent_id,
        emulated=emulated,
    ),
)
