"""Akash for the registry."""

from aurora.providers.akash.base_url import (
    BASE_URL,
    LCD_URL,
    PROXY_URL,
    normalise_base_url,
    normalise_lcd_url,
    normalise_proxy_url,
)
from aurora.providers.akash.limits import REAL, RELAXED
from aurora.providers.akash.provider import AkashAccount, AkashProvider
from aurora.providers.base import Provider
from aurora.providers.brand import Address, Brand, ByHand, Connection


def connect(connection: Connection) -> Provider:
    """One Console account; without a key its market can be read only."""
    account = AkashAccount(
        api_key=connection.api_key,
        proxy_url=connection.urls["PROXY_URL"],
        lcd_url=connection.urls["RPC_URL"],
        **connection.reach,
    )
    return AkashProvider.connect(account, **connection.surroundings)


BRAND = Brand(
    name="akash",
    addresses=(
        Address("BASE_URL", BASE_URL, "", normalise_base_url),
        Address("RPC_URL", LCD_URL, "/rest", normalise_lcd_url),
        Address("PROXY_URL", PROXY_URL, "/provider-proxy", normalise_proxy_url),
    ),
    connect=connect,
    real=REAL,
    relaxed=RELAXED,
    keyless_offers=True,
    initial_reputation=84.0,  # a guess inside the 82 to 96 that the emulators' providers are given
    by_hand=ByHand("/v1/user/me", "x-api-key: ${}"),
)
