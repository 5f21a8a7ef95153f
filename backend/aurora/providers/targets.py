"""Where a request may go: an answer of a market never makes us call a host inside our own network."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

_EMBEDS_IPV4 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("2002::/16"))
"""NAT64 and 6to4 carry an IPv4 address inside, possibly a private one."""
_INSIDE = (".localhost", ".local", ".internal", ".home.arpa", ".lan", ".intranet", ".corp", ".svc")
"""Endings of names that mean something in somebody's own network only."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_public(address: str) -> bool:
    """Is this IP address on the public internet? Loopback, private, link-local and odd ones are not."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and any(found in network for network in _EMBEDS_IPV4):
        return False
    return found.is_global and not found.is_multicast


def is_address(host: str) -> bool:
    """Is this host an IP address rather than a name?"""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host, port; None for what is no absolute http(s) URL, or carries a login."""
    parts = _split(url)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    try:
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme]


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def may_fetch(url: str, *, base_url: str) -> bool:
    """May this URL out of an answer be read? Only from the configured origin itself, or by https from a name or
    address outside our network (names are checked again when they are resolved).
    """
    target = origin(url)
    if target is None:
        return False
    scheme, host, _ = target
    return target == origin(base_url) or (scheme == "https" and (not is_address(host) or is_public(host)))


def may_be_named(url: str) -> bool:
    """May this origin out of an answer be handed to somebody who then connects to it for us? https without login, path
    or query, at a public address or a name that is known outside of somebody's own network.
    """
    parts = _split(url)
    if parts is None or origin(url) is None or parts.scheme != "https":
        return False
    host = (parts.hostname or "").rstrip(".")
    if parts.path.strip("/") or parts.query or parts.fragment or not host:
        return False
    if is_address(host):
        return is_public(host)
    return "." in host and not host.endswith(_INSIDE) and not _is_number(host)


def _is_number(host: str) -> bool:
    """127.1, 0x7f.1: what some resolvers take for an address. No name ends so."""
    last = host.rpartition(".")[2].lower()
    return last.isdigit() or last.startswith("0x")
