"""Which hardware, where, how many GPUs: the id of an offer, readable without a catalogue after a restart.

`net-<id>.<location>.<gpus>` is network hardware (an int id, a location of `available-replicas`),
`sku-<id>.<country>.<gpus>` a partner's machine (a string id, bound to one country).
"""

import re
from dataclasses import dataclass

from aurora.domain.errors import InvalidProviderRequest

_ID = re.compile(r"(net|sku)-([\x21-\x2e\x30-\x7e]{1,160})\.([A-Z]{2}|[0-9]{1,9})\.([1-9][0-9]{0,2})")
_HARDWARE = re.compile(r"[\x21-\x2e\x30-\x7e]{1,160}")
_DEPLOYMENT = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}")


@dataclass(frozen=True, slots=True)
class OfferId:
    """`location` is what `location_ids` holds: an int for network hardware, an ISO 3166 country for a partner's."""

    hardware: int | str
    location: int | str
    gpus: int

    def __str__(self) -> str:
        kind = "net" if isinstance(self.hardware, int) else "sku"
        return f"{kind}-{self.hardware}.{self.location}.{self.gpus}"

    @classmethod
    def parse(cls, provider: str, text: str) -> "OfferId":
        """Raises InvalidProviderRequest for what can be no id of this market."""
        found = _ID.fullmatch(text)
        if found is None:
            raise InvalidProviderRequest(provider, "not an id of this market")
        kind, hardware, location, gpus = found.groups()
        if kind == "net":
            if not (hardware.isdecimal() and location.isdecimal()):
                raise InvalidProviderRequest(provider, "not an id of this market")
            return cls(int(hardware), int(location), int(gpus))
        return cls(hardware, location, int(gpus))


def is_hardware_id(text: str) -> bool:
    """May it be part of an offer's id?"""
    return _HARDWARE.fullmatch(text) is not None


def deployment_id(provider: str, external_id: str) -> str:
    """The id, safe in a path. Raises InvalidProviderRequest for what can be no id of this market."""
    if _DEPLOYMENT.fullmatch(external_id) is None:
        raise InvalidProviderRequest(provider, "not an id of this market")
    return external_id


def is_container_id(text: str) -> bool:
    """May it be a part of a path?"""
    return _DEPLOYMENT.fullmatch(text) is not None
