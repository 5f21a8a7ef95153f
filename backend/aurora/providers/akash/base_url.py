"""Akash's addresses, as people write them and as they are (akash-network/console, August 2026 [seen])."""

from aurora.providers.address import checked_address

BASE_URL = "https://console-api.akash.network"
PROXY_URL = "https://console-provider-proxy.akash.network"
"""Speaks to the providers' gateways, whose certificates no public authority signs [seen]."""
LCD_URL = "https://rpc.akt.dev/rest"
"""The chain's REST interface that the Console itself uses [seen]."""

_API_ENDINGS = ("/v1/doc", "/v1/swagger", "/v1", "/v2")
_WEB_HOSTS = frozenset({"akash.network", "www.akash.network", "console.akash.network", "docs.akash.network"})
_RPC_ENDING = "/rpc"


def normalise_base_url(text: str) -> str:
    """The address to which `/v1/...` is appended: with or without a slash or `/v1` at the end it is the same.

    Raises ValueError with one line that says what is wrong.
    """
    address = checked_address(text, what="Akash Console API URL", example=BASE_URL, websites=_WEB_HOSTS)
    for ending in _API_ENDINGS:
        if address.endswith(ending):
            return address.removesuffix(ending)
    return address


def normalise_lcd_url(text: str) -> str:
    """The chain's REST (LCD) address. The RPC address beside it (`/rpc`) is what people mix it up with: corrected
    to `/rest` where the path says so. Raises ValueError.
    """
    address = checked_address(text, what="Akash LCD URL", example=LCD_URL, websites=_WEB_HOSTS)
    if address.endswith(_RPC_ENDING):
        return address.removesuffix(_RPC_ENDING) + "/rest"
    return address


def normalise_proxy_url(text: str) -> str:
    """The provider-proxy's address, without `/ws`. Raises ValueError."""
    address = checked_address(text, what="Akash provider-proxy URL", example=PROXY_URL, websites=_WEB_HOSTS)
    return address.removesuffix("/ws")
