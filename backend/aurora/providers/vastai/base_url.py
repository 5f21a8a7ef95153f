"""The address of the API, as people write it and as it is."""

from aurora.providers.address import checked_address

BASE_URL = "https://console.vast.ai"
_API_ENDINGS = ("/api/v0", "/api/v1", "/api")
_WEB_HOSTS = frozenset({"vast.ai", "www.vast.ai", "cloud.vast.ai", "docs.vast.ai"})
"""Pages for people; the API lives on console.vast.ai (Vast docs authentication, 2026-08-07)."""


def normalise_base_url(text: str) -> str:
    """The address to which `/api/v0/...` is appended: with or without a slash or `/api/v0` at the end it is the same.

    Raises ValueError with one line that says what is wrong.
    """
    address = checked_address(text, what="Vast.ai base URL", example=BASE_URL, websites=_WEB_HOSTS)
    for ending in _API_ENDINGS:
        if address.endswith(ending):
            return address.removesuffix(ending).rstrip("/")
    return address
