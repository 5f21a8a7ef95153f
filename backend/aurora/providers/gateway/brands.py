"""A market that is reached through a gateway, for the registry."""

from collections.abc import Collection
from functools import partial
from urllib.parse import urlsplit

from aurora.providers.address import checked_address
from aurora.providers.base import Limits, Provider
from aurora.providers.brand import Address, Brand, Connection
from aurora.providers.gateway.provider import GatewayAccount, GatewayProvider

EXAMPLE = "https://gateway.example/v1"


def gateway_brand(
    name: str,
    *,
    without_address: str,
    initial_reputation: float,
    elsewhere: Collection[str] = (),
    signed: Brand | None = None,
) -> Brand:
    """`without_address`: why it is off until its base URL is set. `elsewhere`: hosts that are known to be no gateway."""
    normalise = partial(normalise_base_url, name, frozenset(elsewhere))
    return Brand(
        name=name,
        addresses=(Address("BASE_URL", None, "/v1", normalise),),
        connect=partial(connect, name),
        real=Limits(),  # 100 a minute and key unless agreed otherwise: that is what P_RATE_LIMIT says
        without_address=without_address,
        signed=signed,
        initial_reputation=initial_reputation,
    )


def connect(name: str, connection: Connection) -> Provider:
    """One account. The key is there: without one the market is not registered."""
    account = GatewayAccount(
        name=name,
        api_key=connection.key,
        **connection.reach,
        most_rows=connection.most_rows,
    )
    return GatewayProvider.connect(account, **connection.surroundings)


def normalise_base_url(name: str, elsewhere: Collection[str], text: str) -> str:
    """The address with its path prefix. Raises ValueError with one line that says what is wrong."""
    address = checked_address(text, what=f"address of a gateway to {name}", example=EXAMPLE)
    host = urlsplit(address).hostname or ""
    if host in elsewhere:
        raise ValueError(f"{host} is no gateway that rents GPUs of {name} (docs/gateway.md)")
    return address
