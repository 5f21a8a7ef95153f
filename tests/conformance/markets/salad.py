"""SaladCloud: the captured classes, and the refusals of its specification and of public clients."""

from contextlib import aclosing, asynccontextmanager

from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState as S
from aurora.domain.operation import Operation as Op
from aurora.providers.salad import SaladAccount, SaladProvider, normalise_base_url
from aurora.providers.salad.brand import BRAND
from aurora.providers.salad.names import Place
from tests.conformance.description import ENV_SECRET, Case, Description, Market, recording
from tests.unit.providers.loopback import Loopback, Reply, SkippingClock
from tests.unit.providers.salad.salad_booth import (
    GPUS,
    KEY,
    OFFER,
    RTX4090,
    Booth,
    problem,
    salad_at,
    sample,
)


@asynccontextmanager
async def market(*, guard=None, attempt_s=5.0, at=None):
    clock = SkippingClock()
    booth = Booth(clock)
    guard = guard(clock) if guard else recording()
    async with Loopback(booth) as server:
        provider = salad_at(at or server, clock=clock, guard=guard, attempt_s=attempt_s)

        def refuse_key():
            server.handler = lambda _: problem(401, "Unauthorized", detail=f"key {KEY} is not valid")

        async with aclosing(provider):
            yield Market(
                provider,
                clock,
                guard,
                server,
                booth,
                OFFER,
                requests=lambda: len(server.asked),
                write_logs=booth.write,
                vanish=booth.groups.pop,
                set_status=lambda name, status: booth.groups[name]["current_state"].update(status=status),
                refuse_key=refuse_key,
                secrets=(KEY, ENV_SECRET),
                other_offer_id=f"{RTX4090}.batch",
                absent_id=BRAND.absent_id,
                slice_key=f"{RTX4090} RTX 4090 (24 GB)",
                roomy=True,
                free_disk=True,
                tells_charge=False,
                order={"ports": ("8080",)},
            )


THIRD_PARTY = sample("fixtures_thirdparty_client.json")
DELETED = "A group with this name was recently deleted."
ERRORS = (
    Case(Op.CREATE, Reply(THIRD_PARTY[3]["body"], status=400), InvalidProviderRequest),
    Case(Op.CREATE, Reply(THIRD_PARTY[4]["body"], status=409), OutcomeUnknown),
    Case(Op.CREATE, problem(400, "Bad Request", kind="name_conflict"), OutcomeUnknown),
    Case(Op.CREATE, problem(400, "Bad Request", detail=DELETED), OutcomeUnknown),
    Case(Op.CREATE, problem(400, "Bad Request", kind="no_credits_available"), PaymentRequired),
    Case(Op.CREATE, problem(403, "Forbidden", detail="Replica quota exceeded"), RateLimited),
    Case(Op.CREATE, problem(403, "Forbidden", detail=f"no right {ENV_SECRET}"), CredentialRefused),
    Case(Op.CREATE, problem(401, "Unauthorized"), CredentialRefused),
    Case(Op.CREATE, problem(404, "Not Found"), Misconfigured),
    Case(Op.CREATE, problem(429, "Too Many Requests"), RateLimited),
    Case(Op.CREATE, Reply(THIRD_PARTY[6]["body_text"], status=503), Unavailable),
    Case(Op.CREATE, Reply("<html>error code: 1010</html>", status=403), Unavailable),
    Case(Op.CREATE, Reply("", status=201), MalformedAnswer),
    Case(Op.CREATE, Reply({"name": "somebody-elses"}, status=201), OutcomeUnknown),
    Case(Op.OFFERS, problem(429, "Too Many Requests"), RateLimited),
    Case(Op.OFFERS, problem(404, "Not Found"), Misconfigured),
    Case(Op.STATUS, problem(404, "Not Found"), InstanceNotFound),
    Case(Op.STATUS, problem(429, "Too Many Requests"), RateLimited),
    Case(Op.LIST, problem(401, "Unauthorized"), CredentialRefused),
    Case(Op.LIST, Reply(THIRD_PARTY[6]["body_text"], status=502), Unavailable),
    Case(Op.LOGS, problem(400, "Bad Request"), InvalidProviderRequest),
    Case(Op.TERMINATE, problem(404, "Not Found"), None),
    Case(Op.TERMINATE, problem(403, "Forbidden"), CredentialRefused),
)
STATUSES = {
    "pending": S.STARTING,
    "deploying": S.STARTING,
    "running": S.RUNNING,
    "stopped": S.STOPPED,
    "failed": S.FAILED,
    "succeeded": S.EXITED,
}


def emulated(url, clock, guard):
    account = SaladAccount(
        SecretStr("any-key"),
        Place("acme", "default"),
        base_url=normalise_base_url(f"{url}/salad"),
        emulated=True,
    )
    return SaladProvider.connect(account, guard=guard, clock=clock, gpus=GPUS)


DESCRIPTIONS = (
    Description(
        "salad",
        "salad",
        market,
        known="salad",
        statuses=STATUSES,
        errors=ERRORS,
        emulator="salad",
        emulated=emulated,
        settings={"interruptions": False},
        absent_id=BRAND.absent_id,
    ),
)
