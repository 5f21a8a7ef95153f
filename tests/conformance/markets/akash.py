"""Akash: the captured prices, an auction that can be won, and the error bodies of the Console's code."""

import json
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    Misconfigured,
    NoCapacity,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState as S
from aurora.domain.operation import Operation as Op
from aurora.providers.akash import AkashAccount, AkashProvider
from aurora.providers.akash.errors import BidRefused, ManifestNotDelivered, ProviderTrouble
from tests.conformance.description import ENV_SECRET, NAME, Case, Description, Market, recording
from tests.unit.providers.akash.auction_booth import AuctionBooth, LogSocket, provider_row
from tests.unit.providers.akash.booth import GPUS, KEY, OFFER, PLACES, TOKEN, akash_at, refusal
from tests.unit.providers.loopback import Loopback, SkippingClock

PRICES = Path(__file__).parents[2] / "fixtures" / "akash" / "gpu-prices.debug.h100.2026-09-28.json"


@asynccontextmanager
async def market(*, guard=None, attempt_s=5.0, at=None):
    clock = SkippingClock()
    guard = guard(clock) if guard else recording()
    booth = AuctionBooth(clock)
    async with Loopback(booth) as server, LogSocket(booth).serving() as proxy:
        provider = akash_at(at or server, clock=clock, guard=guard, proxy_url=proxy.url, attempt_s=attempt_s)

        def refuse_key():
            server.handler = lambda _: refusal(401, f"Invalid API key {KEY}", "unauthorized")

        def set_status(dseq, status):
            booth.deployments[dseq]["deployment"].update(state=status)

        async with aclosing(provider):
            yield Market(
                provider,
                clock,
                guard,
                server,
                booth,
                OFFER,
                requests=lambda: len(server.asked) + proxy.asked,
                write_logs=lambda dseq, *lines: booth.logs.setdefault(dseq, []).extend(lines),
                vanish=booth.vanish,
                set_status=set_status,
                refuse_key=refuse_key,
                secrets=(KEY, ENV_SECRET, TOKEN),
                other_offer_id=OFFER,
                auction=True,
            )


def show(market, rows):
    """The captured statistics with the bids behind them; the providers' own rows were not captured."""
    market.booth.prices = json.loads(PRICES.read_text(encoding="utf-8"))
    market.booth.providers = [provider_row(owner) for owner in {row["offer"].split(".")[0] for row in rows}]


def case(operation, status, message, code, meaning):
    return Case(operation, refusal(status, message, code or None), meaning)


INVALID, CHAIN = InvalidProviderRequest, "Failed to create deployment: "
ERRORS = (
    case(Op.CREATE, 400, "Validation error", "validation_error", INVALID),
    case(Op.CREATE, 400, 'Invalid SDL: "count" must be at least 1.', "", INVALID),
    case(Op.CREATE, 400, "deposit is required", "", INVALID),
    case(Op.CREATE, 400, f"{CHAIN}Deposit too low", "", PaymentRequired),
    case(Op.CREATE, 400, f"{CHAIN}Insufficient funds", "", PaymentRequired),
    case(Op.CREATE, 400, f"{CHAIN}Invalid GPU attributes", "", INVALID),
    case(
        Op.CREATE, 400, f"{CHAIN}Deployment with provided dseq and owner already exists", "", OutcomeUnknown
    ),
    case(Op.CREATE, 400, "Invalid SDL: h100 not available on free trial: Add funds", "", NoCapacity),
    case(Op.CREATE, 400, "Console trial expired", "", PaymentRequired),
    case(
        Op.CREATE,
        400,
        "Cannot create lease: The selected bid is no longer open. Please refresh",
        "",
        BidRefused,
    ),
    case(
        Op.CREATE,
        400,
        "Cannot create lease: The associated order has already been matched or closed",
        "",
        BidRefused,
    ),
    case(Op.CREATE, 400, "Invalid provider jwt credentials", "", ProviderTrouble),
    case(
        Op.CREATE, 402, "Not enough balance to cover the deployment deposit. Add credits", "", PaymentRequired
    ),
    case(Op.CREATE, 402, "Not enough funds to cover the transaction fee", "unknown_error", PaymentRequired),
    case(Op.CREATE, 402, "", "payment_required", PaymentRequired),
    case(Op.CREATE, 402, "", "insufficient_balance", PaymentRequired),
    case(Op.CREATE, 402, "", "balance_top_up_pending", RateLimited),
    case(Op.CREATE, 403, "Forbidden", "forbidden", CredentialRefused),
    case(Op.CREATE, 403, "UserWallet is not initialized", "", PaymentRequired),
    case(Op.CREATE, 403, "Provider not authorized.", "forbidden", BidRefused),
    case(Op.CREATE, 403, "", "fair_use_policy_required", CredentialRefused),
    case(Op.CREATE, 404, "UserWallet Not Found", "not_found", PaymentRequired),
    case(Op.CREATE, 409, "Wallet is still being provisioned", "wallet_provisioning", RateLimited),
    case(Op.CREATE, 409, "", "deployment_definition_changed", INVALID),
    case(Op.CREATE, 422, "", "deployment_resources_changed", INVALID),
    case(Op.CREATE, 422, "manifest version validation failed", "", ProviderTrouble),
    case(Op.CREATE, 422, "manifest cross-validation error", "", INVALID),
    case(Op.CREATE, 502, "", "provider_unreachable", BidRefused),
    case(Op.CREATE, 502, "", "manifest_not_delivered", ManifestNotDelivered),
    case(Op.CREATE, 503, "Service temporarily unavailable", "service_unavailable", Unavailable),
    case(Op.CREATE, 503, "Provider service is temporarily unavailable", "", ProviderTrouble),
    case(Op.OFFERS, 429, "Too many requests", "rate_limited", RateLimited),
    case(Op.OFFERS, 502, "Database connection timeout", "database_timeout", Unavailable),
    case(Op.STATUS, 401, "Invalid API key", "unauthorized", CredentialRefused),
    case(Op.STATUS, 401, "Unauthorized", "unauthorized", CredentialRefused),
    case(Op.STATUS, 500, "Internal server error", "internal_server_error", Unavailable),
    case(Op.STATUS, 404, "Deployment not found", "not_found", InstanceNotFound),
    case(Op.TERMINATE, 400, "Deployment closed", "", None),
    case(Op.TERMINATE, 400, "Deployment escrow cannot be settled yet", "", ProviderTrouble),
    case(Op.TERMINATE, 404, "Deployment not found", "not_found", None),
    case(Op.LIST, 404, "no such page", "odd", Misconfigured),
)


def crowd(market, dseq):
    """Pages of 100. Names are asked one by one as long as a deployment is young: these are not."""
    booth, row = market.booth, market.booth.deployments[dseq]
    for n in range(1, 130):
        other = str(int(dseq) - 86_400_000 - n)
        lease = {**row["leases"][0], "id": {**row["leases"][0]["id"], "dseq": other}}
        at = {**row["deployment"], "id": {**row["deployment"]["id"], "dseq": other}}
        booth.deployments[other] = {**row, "deployment": at, "leases": [lease]}
        booth.names[other] = NAME.format(n + 1)
    return len(booth.deployments)


def emulated(url, clock, guard):
    account = AkashAccount(
        api_key=SecretStr("any-key"),
        base_url=f"{url}/akash",
        proxy_url=f"{url}/akash/provider-proxy",
        lcd_url=f"{url}/akash/rest",
        emulated=True,
        log_silence_s=0.02,
    )
    return AkashProvider.connect(account, guard=guard, clock=clock, gpus=GPUS, places=PLACES)


DESCRIPTIONS = (
    Description(
        "akash",
        "akash",
        market,
        known="akash",
        show=show,
        # those of the deployment; what the lease and its services say is in test_sightings.py
        statuses={"active": S.RUNNING},
        errors=ERRORS,
        emulator="akash",
        emulated=emulated,
        crowd=crowd,
    ),
)
