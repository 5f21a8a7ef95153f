"""The address of the API, as people write it and as it is (Salad's OpenAPI, 0.9.0-alpha.17 [seen])."""

from aurora.providers.address import checked_address

PUBLIC = "/api/public"
BASE_URL = f"https://api.salad.com{PUBLIC}"
_WEB_HOSTS = frozenset({"salad.com", "www.salad.com", "portal.salad.com", "docs.salad.com"})
_OTHER_ENDINGS = ("/api/public/v1", "/api/v1", "/api", "/public")


def normalise_base_url(text: str) -> str:
    """The address with the path of the public API. Raises ValueError with one line that says what is wrong."""
    address = checked_address(text, what="SaladCloud base URL", example=BASE_URL, websites=_WEB_HOSTS)
    if address.endswith(PUBLIC):
        return address
    for ending in _OTHER_ENDINGS:
        if address.endswith(ending):
            return address.removesuffix(ending).rstrip("/") + PUBLIC
    return address + PUBLIC
