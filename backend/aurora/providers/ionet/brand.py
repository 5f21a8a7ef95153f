"""io.net for the registry."""

from pydantic import SecretStr

from aurora.providers.base import Provider
from aurora.providers.brand import Address, Brand, Connection
from aurora.providers.ionet.base_url import BASE_URL, CAAS, normalise_base_url
from aurora.providers.ionet.limits import REAL, RELAXED
from aurora.providers.ionet.provider import IonetAccount, IonetProvider


def connect(connection: Connection) -> Provider:
    """One account. The key is there: without one the market is not registered."""
    account = IonetAccount(
        api_key=connection.api_key or SecretStr(""),
        base_url=connection.urls["BASE_URL"],
        emulated=connection.emulated,
        transport=connection.transport,
        request_id=connection.request_id,
    )
    return IonetProvider.connect(
        account,
        guard=connection.guard,
        clock=connection.clock,
        gpus=connection.gpus,
        places=connection.places,
    )


BRAND = Brand(
    name="ionet",
    addresses=(Address("BASE_URL", BASE_URL, CAAS, normalise_base_url),),
    connect=connect,
    real=REAL,
    relaxed=RELAXED,
)
