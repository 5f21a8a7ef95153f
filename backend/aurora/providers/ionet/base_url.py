"""The address of the CaaS API, as people write it and as it is (io.net docs get-started-with-caas-api [seen])."""

from aurora.providers.address import checked_address

CAAS = "/enterprise/v1/io-cloud/caas"
"""The API for keys."""
CONSOLE = "/v1/io-cloud/caas"
"""The console's twin of it; its catalogue needs no key [2nd]."""
BASE_URL = f"https://api.io.solutions{CAAS}"

_OTHER_ENDINGS = (
    "/enterprise/v1/io-cloud/vmaas",
    "/v1/io-cloud/vmaas",
    CONSOLE,
    "/enterprise/v1/io-cloud",
    "/enterprise/v1",
    "/enterprise",
    "/api/v1",
    "/v1",
)
"""What public code writes instead; `/api/v1` is in no primary source."""
_WEB_HOSTS = frozenset({"io.net", "www.io.net", "cloud.io.net", "ai.io.net", "docs.io.net"})
_NOT_THE_API = ("://api.io.net/", "://api.io.net:")
"""In old notes and in no primary source."""


def normalise_base_url(text: str) -> str:
    """The address with the path of the CaaS API. Raises ValueError with one line that says what is wrong."""
    address = checked_address(text, what="io.net base URL", example=BASE_URL, websites=_WEB_HOSTS)
    if any(wrong in f"{address}/" for wrong in _NOT_THE_API):
        raise ValueError(f"api.io.net is not io.net's API; the io.net base URL is {BASE_URL}")
    if address.endswith(CAAS):
        return address
    for ending in _OTHER_ENDINGS:
        if address.endswith(ending):
            return address.removesuffix(ending).rstrip("/") + CAAS
    return address + CAAS
