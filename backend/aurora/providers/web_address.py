"""The public address of a container as a market writes it."""

import re
from urllib.parse import urlsplit

from aurora.domain.instance import Endpoint
from aurora.providers import targets

_HOST = re.compile(r"[0-9A-Za-z.:-]{1,253}")
_PORTS = {"http": 80, "https": 443}


def web_endpoint(url: str | None, *, port: int | str) -> Endpoint | None:
    """Where the container's `port` is reached; None for what is no http(s) address. Never called by us."""
    if url is None or targets.origin(url) is None:
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _HOST.fullmatch(host) is None:
        return None
    return Endpoint(
        port=str(port),
        host=f"[{host}]" if ":" in host else host,
        url_port=parts.port or _PORTS[parts.scheme],
        scheme=parts.scheme,
    )
