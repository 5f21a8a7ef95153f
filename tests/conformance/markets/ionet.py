"""io.net: the captured hardware, and the refusals of its documents and of public clients."""

from contextlib import aclosing, asynccontextmanager

from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    NoCapacity,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState as S
from aurora.domain.operation import Operation as Op
from aurora.providers.ionet import IonetAccount, IonetProvider, normalise_base_url
from aurora.providers.ionet.errors import NameTaken
from tests.conformance.description import ENV_SECRET, NAME, Case, Description, Market, recording
from tests.unit.providers.ionet.ionet_booth import (
    GPUS,
    KEY,
    OFFER,
    PLACES,
    QUICK,
    Booth,
    ionet_at,
    refusal,
)
from tests.unit.providers.loopback import Loopback, Reply, SkippingClock


@asynccontextmanager
async def market(*, guard=None, attempt_s=5.0, at=None):
    clock, booth = SkippingClock(), Booth()
    guard = guard(clock) if guard else recording()
    booth.free[12, 3] = 1
    async with Loopback(booth) as server:
        provider = ionet_at(at or server, clock=clock, guard=guard, attempt_s=attempt_s)

        def refuse_key():
            server.handler = lambda _: refusal(401, f"key {KEY} is not valid")

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
                other_offer_id="net-12.17.1",
                slice_key="partners",
                free_disk=True,
                order={"ports": ("8080",)},
            )


EXTRA = [{"loc": ["body", "x"], "msg": "Extra inputs", "type": "extra_forbidden", "input": ENV_SECRET}]
ERRORS = (
    Case(Op.CREATE, refusal(422, EXTRA), InvalidProviderRequest),
    Case(Op.CREATE, refusal(422, "resource_private_name is invalid"), InvalidProviderRequest),
    Case(Op.CREATE, refusal(400, "Bad image"), InvalidProviderRequest),
    Case(Op.CREATE, refusal(401, "Unauthorized"), CredentialRefused),
    Case(Op.CREATE, refusal(403, "wrong project"), CredentialRefused),
    Case(Op.CREATE, refusal(402, "Insufficient IO credits"), PaymentRequired),
    Case(Op.CREATE, refusal(400, "Insufficient credit balance"), PaymentRequired),
    Case(Op.CREATE, Reply({"status": "payment_required", "payment": {}}), PaymentRequired),
    Case(Op.CREATE, refusal(409, "Cluster name already exists"), NameTaken),
    Case(Op.CREATE, refusal(400, "The name is taken"), NameTaken),
    Case(Op.CREATE, refusal(409, "Not enough replicas available"), NoCapacity),
    Case(Op.CREATE, refusal(400, "hardware 12 is sold out"), NoCapacity),
    Case(Op.CREATE, refusal(429, "slow down"), RateLimited),
    Case(Op.CREATE, refusal(404, "Not Found"), Misconfigured),
    Case(Op.CREATE, refusal(500, "oops"), Unavailable),
    Case(Op.CREATE, Reply("<!DOCTYPE html>", status=403), Unavailable),
    Case(Op.CREATE, Reply("<html>", status=502), Unavailable),
    Case(Op.CREATE, Reply(""), MalformedAnswer),
    Case(Op.CREATE, Reply({"status": "success"}), MalformedAnswer),
    Case(Op.STATUS, refusal(404, "Not found"), InstanceNotFound),
    Case(Op.STATUS, refusal(401, "Unauthorized"), CredentialRefused),
    Case(Op.STATUS, refusal(429, "slow down"), RateLimited),
    Case(Op.LIST, refusal(403, "wrong project"), CredentialRefused),
    Case(Op.LIST, refusal(404, "Not Found"), Misconfigured),
    Case(Op.OFFERS, refusal(429, "slow down"), RateLimited),
    Case(Op.LOGS, refusal(404, "Not found"), InstanceNotFound),
    Case(Op.TERMINATE, refusal(404, "Not found"), None),
    Case(Op.TERMINATE, refusal(422, "try later"), InvalidProviderRequest),
)
STATUSES = {
    "deployment requested": S.STARTING,
    "Running": S.RUNNING,
    "completed": S.STOPPED,
    "failed": S.FAILED,
    "termination requested": S.ENDING,
}


def crowd(market, job):
    """Pages of 100."""
    row = market.booth.jobs[job]
    for n in range(1, 130):
        market.booth.jobs[f"job-{n}"] = {**row, "id": f"job-{n}"}
        market.booth.names[f"job-{n}"] = NAME.format(n + 1)
    return len(market.booth.jobs)


def emulated(url, clock, guard):
    account = IonetAccount(
        SecretStr("any-key"), base_url=normalise_base_url(f"{url}/ionet"), patience=QUICK, emulated=True
    )
    return IonetProvider.connect(account, guard=guard, clock=clock, gpus=GPUS, places=PLACES)


DESCRIPTIONS = (
    Description(
        "ionet",
        "ionet",
        market,
        known="ionet",
        statuses=STATUSES,
        errors=ERRORS,
        emulator="ionet",
        emulated=emulated,
        settings={"refund": "minutes"},
        crowd=crowd,
    ),
)
