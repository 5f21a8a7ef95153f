"""SaladCloud for the registry."""

from pydantic import SecretStr

from aurora.providers.base import Provider
from aurora.providers.brand import Address, Brand, Connection
from aurora.providers.salad.base_url import BASE_URL, PUBLIC, normalise_base_url
from aurora.providers.salad.limits import REAL, RELAXED
from aurora.providers.salad.names import Place
from aurora.providers.salad.provider import SaladAccount, SaladProvider


def connect(connection: Connection) -> Provider:
    """One project. The key is there: without one the market is not registered."""
    account = SaladAccount(
        api_key=connection.api_key or SecretStr(""),
        place=Place.of("salad", connection.names, emulated=connection.emulated),
        base_url=connection.urls["BASE_URL"],
        emulated=connection.emulated,
        transport=connection.transport,
        request_id=connection.request_id,
    )
    return SaladProvider.connect(
        account, guard=connection.guard, clock=connection.clock, gpus=connection.gpus
    )


BRAND = Brand(
    name="salad",
    addresses=(Address("BASE_URL", BASE_URL, PUBLIC, normalise_base_url),),
    connect=connect,
    real=REAL,
    relaxed=RELAXED,
)
