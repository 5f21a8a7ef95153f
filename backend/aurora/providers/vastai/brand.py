"""Vast.ai for the registry."""

from pydantic import SecretStr

from aurora.providers.base import Provider
from aurora.providers.brand import Address, Brand, Connection
from aurora.providers.vastai.base_url import BASE_URL, normalise_base_url
from aurora.providers.vastai.limits import REAL, RELAXED
from aurora.providers.vastai.provider import VastAccount, VastProvider


def connect(connection: Connection) -> Provider:
    """One account. The key is there: without one the market is not registered."""
    account = VastAccount(
        api_key=connection.api_key or SecretStr(""),
        base_url=connection.urls["BASE_URL"],
        emulated=connection.emulated,
        transport=connection.transport,
        request_id=connection.request_id,
    )
    return VastProvider.connect(
        account,
        guard=connection.guard,
        clock=connection.clock,
        gpus=connection.gpus,
        places=connection.places,
    )


BRAND = Brand(
    name="vastai",
    addresses=(Address("BASE_URL", BASE_URL, "", normalise_base_url),),
    connect=connect,
    real=REAL,
    relaxed=RELAXED,
)
