"""SaladCloud for the registry."""

from aurora.providers.base import Provider
from aurora.providers.brand import Address, Brand, ByHand, Connection
from aurora.providers.salad.base_url import BASE_URL, PUBLIC, normalise_base_url
from aurora.providers.salad.classes import PriceOf
from aurora.providers.salad.limits import REAL, RELAXED
from aurora.providers.salad.names import Place
from aurora.providers.salad.provider import SaladAccount, SaladProvider


def connect(connection: Connection) -> Provider:
    """One project. The key is there: without one the market is not registered."""
    account = SaladAccount(
        api_key=connection.key,
        place=Place.of("salad", connection.own, emulated=connection.emulated),
        price_of=PriceOf(connection.own.get("PRICE_OF", PriceOf.CLASS)),
        **connection.reach,
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
    absent_id="no-such-group",
    initial_reputation=85.0,  # a guess inside the 82 to 96 that the emulators' providers are given
    by_hand=ByHand("/organizations/$SALAD_ORGANIZATION/quotas", "Salad-Api-Key: ${}"),
)
