"""Which GPU of which provider: the id of an Akash offer, which also says what an SDL asks for.

Akash has no offers and so no ids of offers. Ours is `<owner>.<model>.<ram>.<interface>`, parts that are not known are
`any`; it can be read without a catalogue, after a restart.
"""

import re
from dataclasses import dataclass

from aurora.domain.errors import InvalidProviderRequest

ANY = "any"
VENDOR = "nvidia"
"""The only vendor that an SDL may name (chain-sdk alpha.25 [seen])."""

_ID = re.compile(r"(akash1[0-9a-z]{6,64})\.([a-z0-9][a-z0-9-]{0,39})\.([0-9]{1,4}[GM]i|any)\.(pcie|sxm|any)")
_OWNER = re.compile(r"akash1[0-9a-z]{6,64}")
_MODEL = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_RAM = re.compile(r"([0-9]{1,4})([GM])i")
_MIB_PER_GIB = 1024
_DSEQ = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class OfferId:
    """A (provider, model, memory, interface)."""

    owner: str
    model: str
    ram: str | None = None
    interface: str | None = None
    """`pcie` or `sxm`: an SDL knows no other."""

    def __str__(self) -> str:
        return ".".join((self.owner, self.model, self.ram or ANY, self.interface or ANY))

    @property
    def vram_gib(self) -> int | None:
        """Per GPU."""
        found = _RAM.fullmatch(self.ram or "")
        if found is None:
            return None
        return int(found[1]) if found[2] == "G" else max(1, round(int(found[1]) / _MIB_PER_GIB))

    @classmethod
    def parse(cls, provider: str, text: str) -> "OfferId":
        """Raises InvalidProviderRequest for what can be no id of this market."""
        found = _ID.fullmatch(text)
        if found is None:
            raise InvalidProviderRequest(provider, "not an id of this market")
        ram, interface = (None if part == ANY else part for part in (found[3], found[4]))
        return cls(found[1], found[2], ram, interface)

    @classmethod
    def of(
        cls, owner: str | None, model: str | None, ram: str | None, interface: str | None
    ) -> "OfferId | None":
        """From a market's own words; None when they name no GPU that could be asked for."""
        model = (model or "").lower()
        if _OWNER.fullmatch(owner or "") is None or _MODEL.fullmatch(model) is None:
            return None
        known = ram if _RAM.fullmatch(ram or "") else None
        return cls(owner or "", model, known, sdl_interface(interface))


def sdl_interface(text: str | None) -> str | None:
    """`SXM5` is `sxm`, `PCIe` is `pcie`; anything else is left out of an order [seen]."""
    word = (text or "").lower()
    return "sxm" if word.startswith("sxm") else "pcie" if word == "pcie" else None


def dseq(provider: str, external_id: str) -> str:
    """The deployment's number, safe in a path. Raises InvalidProviderRequest."""
    if _DSEQ.fullmatch(external_id) is None:
        raise InvalidProviderRequest(provider, "not an id of this market")
    return external_id


def is_owner(text: str | None) -> bool:
    """Is this an address of the chain?"""
    return _OWNER.fullmatch(text or "") is not None
