"""The address of the API, as people write it and as it is."""

from urllib.parse import urlsplit

from aurora.providers import targets

BASE_URL = "https://console.vast.ai"
_API_ENDINGS = ("/api/v0", "/api/v1", "/api")
_WEB_HOSTS = frozenset({"vast.ai", "www.vast.ai", "cloud.vast.ai", "docs.vast.ai"})
"""Pages for people; the API lives on console.vast.ai (Vast docs authentication, 2026-08-07)."""


def normalise_base_url(text: str) -> str:
    """The address to which `/api/v0/...` is appended: with or without a slash or `/api/v0` at the end it is the same.

    Raises ValueError with one line that says what is wrong.
    """
    address = text.strip()
    if "@" in address.partition("//")[2].partition("/")[0]:
        raise ValueError("the Vast.ai base URL must not contain a login; the key goes into VASTAI_API_KEY")
    target = targets.origin(address)
    if target is None:
        raise ValueError(f"the Vast.ai base URL must be an http(s) address such as {BASE_URL}")
    parts = urlsplit(address)
    if parts.query or parts.fragment:
        raise ValueError(f"the Vast.ai base URL must end with its path, as in {BASE_URL}: no '?' or '#'")
    if target[1] in _WEB_HOSTS:
        raise ValueError(f"{target[1]} is Vast.ai's website; its API is at {BASE_URL}")
    path = parts.path.rstrip("/")
    for ending in _API_ENDINGS:
        if path.endswith(ending):
            path = path.removesuffix(ending).rstrip("/")
            break
    return f"{parts.scheme}://{parts.netloc}{path}"
