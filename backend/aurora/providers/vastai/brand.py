"""Vast.ai for the registry."""

from aurora.providers.base import Provider
from aurora.providers.brand import Address, Brand, ByHand, Connection
from aurora.providers.vastai.base_url import BASE_URL, normalise_base_url
from aurora.providers.vastai.limits import REAL, RELAXED
from aurora.providers.vastai.provider import VastAccount, VastProvider


def connect(connection: Connection) -> Provider:
    """One account. The key is there: without one the market is not registered."""
    account = VastAccount(
        api_key=connection.key,
        **connection.reach,
    )
    return VastProvider.connect(account, **connection.surroundings)


BRAND = Brand(
    name="vastai",
    addresses=(Address("BASE_URL", BASE_URL, "", normalise_base_url),),
    connect=connect,
    real=REAL,
    relaxed=RELAXED,
    initial_reputation=86.0,  # a guess inside the 82 to 96 that the emulators' providers are given
    by_hand=ByHand("/api/v0/users/current"),
)
