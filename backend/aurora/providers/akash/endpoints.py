"""Where the ports of a lease are reached. Pure."""

import re
from collections.abc import Iterator

from aurora.domain.instance import Endpoint
from aurora.providers.akash.prices import objects
from aurora.providers.akash.sdl import PORTLESS
from aurora.providers.fields import Fields

_HOST = re.compile(r"[0-9A-Za-z.:-]{1,253}")
_HIGHEST_PORT = 65_535
_HTTP = 80


def endpoints_of(status: Fields) -> tuple[Endpoint, ...]:
    """Random ports of the host, leased addresses, and the ingress name, behind which is port 80 of the container:
    the only one that we expose so.
    """
    return tuple(dict.fromkeys((*_forwarded(status), *_leased(status), *_ingress(status))))


def _forwarded(status: Fields) -> Iterator[Endpoint]:
    for row in _by_service(status.raw("forwarded_ports")):
        yield from _endpoint(row.text("host"), row.raw("port"), row.raw("externalPort"), row.text("proto"))


def _leased(status: Fields) -> Iterator[Endpoint]:
    for row in _by_service(status.raw("ips")):
        yield from _endpoint(row.text("IP"), row.raw("Port"), row.raw("ExternalPort"), row.text("Protocol"))


def _ingress(status: Fields) -> Iterator[Endpoint]:
    services = status.raw("services")
    for name, service in services.items() if isinstance(services, dict) else ():
        uris = service.get("uris") if isinstance(service, dict) else None
        for uri in uris if isinstance(uris, list) and name != PORTLESS else ():
            yield from _endpoint(uri if isinstance(uri, str) else None, _HTTP, _HTTP, "TCP")


def _by_service(told: object) -> Iterator[Fields]:
    for rows in told.values() if isinstance(told, dict) else ():
        yield from objects(rows)


def _endpoint(host: str | None, port: object, public: object, protocol: str | None) -> Iterator[Endpoint]:
    numbers = Fields({"port": port, "public": public})
    inside, outside = numbers.integer("port"), numbers.integer("public")
    if host is None or _HOST.fullmatch(host) is None or inside is None or outside is None:
        return
    if 0 < inside <= _HIGHEST_PORT and 0 < outside <= _HIGHEST_PORT:
        name = f"{inside}/udp" if (protocol or "").upper() == "UDP" else str(inside)
        yield Endpoint(port=name, host=f"[{host}]" if ":" in host else host, url_port=outside)
