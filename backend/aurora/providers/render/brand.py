"""Render for the registry: Dispersed where its secret key is given, else a gateway."""

from pydantic import SecretStr

from aurora.providers.address import checked_address
from aurora.providers.base import Limits, Provider
from aurora.providers.brand import Address, Brand, Connection
from aurora.providers.gateway.brands import gateway_brand
from aurora.providers.render.provider import DispersedAccount, DispersedProvider

BASE_URL = "https://api.dispersed.com"
NO_API = "off until RENDER_SECRET_KEY (with RENDER_API_KEY: Dispersed) or RENDER_BASE_URL (a gateway, docs/gateway.md) is set"
NOT_RENDER = frozenset(
    {
        "api.render.network",  # in demos only: no answer from it was ever seen
        "api.rendernetwork.com",  # contradicts every client that works
        "rendernetwork.com",
        "api.render.com",  # a company for web hosting
        "render.com",
        "console.dispersed.com",
    }
)


def normalise_base_url(text: str) -> str:
    """The address to which `/v1/...` is appended. Raises ValueError with one line that says what is wrong."""
    return checked_address(
        text, what="address of Dispersed", example=BASE_URL, websites=NOT_RENDER
    ).removesuffix("/v1")


def connect(connection: Connection) -> Provider:
    """One account of Dispersed. Both keys are there."""
    account = DispersedAccount(
        public_key=connection.key,
        secret_key=connection.secret_key or SecretStr(""),
        **connection.reach,
    )
    return DispersedProvider.connect(
        account, guard=connection.guard, clock=connection.clock, gpus=connection.gpus
    )


DISPERSED = Brand(
    name="render",
    addresses=(Address("BASE_URL", BASE_URL, "", normalise_base_url),),
    connect=connect,
    real=Limits(),  # none is published; RENDER_RATE_LIMIT holds
    absent_id="00000000-0000-4000-8000-000000000000",
)
BRAND = gateway_brand(
    "render",
    without_address=NO_API,
    initial_reputation=83.0,  # a guess inside the 82 to 96 that the emulators' providers are given
    elsewhere=NOT_RENDER | {"api.dispersed.com"},
    signed=DISPERSED,
)
