"""Names and ids that go into SaladCloud's paths."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aurora.domain.errors import InvalidProviderRequest, Misconfigured

PRIORITIES = ("high", "medium", "low", "batch")
"""Dearest first. A higher one takes nodes from a lower one; `high` is taken by nobody [seen]."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
_CLASS = re.compile(r"[0-9A-Fa-f][0-9A-Fa-f-]{7,63}")
_EMULATED = {"ORGANIZATION": "aurora", "PROJECT": "default"}


@dataclass(frozen=True, slots=True)
class Place:
    """Whose account it is: there is no call that lists organizations or projects [seen: absent]."""

    organization: str
    project: str

    @classmethod
    def of(cls, provider: str, names: Mapping[str, str], *, emulated: bool) -> "Place":
        """From the settings; the emulator takes any names. Raises Misconfigured with the settings that are wrong."""
        given = {**_EMULATED, **names} if emulated else dict(names)
        missing = [f"SALAD_{name}" for name in _EMULATED if not given.get(name)]
        if missing:
            raise Misconfigured(
                provider,
                f"set {' and '.join(missing)}: SaladCloud cannot be asked whose account a key is for",
            )
        odd = [f"SALAD_{name}" for name in _EMULATED if _NAME.fullmatch(given[name]) is None]
        if odd:
            raise Misconfigured(
                provider,
                f"{' and '.join(odd)}: 2 to 63 small letters, digits and dashes, as in the address of the portal",
            )
        return cls(given["ORGANIZATION"], given["PROJECT"])

    @property
    def organization_path(self) -> str:
        return f"/organizations/{self.organization}"

    @property
    def containers_path(self) -> str:
        return f"{self.organization_path}/projects/{self.project}/containers"


@dataclass(frozen=True, slots=True)
class OfferId:
    """`<class uuid>.<priority>`: readable without a catalogue after a restart; ids are stable over years [seen]."""

    gpu_class: str
    priority: str

    def __str__(self) -> str:
        return f"{self.gpu_class}.{self.priority}"

    @classmethod
    def parse(cls, provider: str, text: str) -> "OfferId":
        """Raises InvalidProviderRequest for what can be no id of this market."""
        gpu_class, _, priority = text.rpartition(".")
        if not is_class_id(gpu_class) or priority not in PRIORITIES:
            raise InvalidProviderRequest(provider, "not an id of this market")
        return cls(gpu_class, priority)


def is_class_id(text: str) -> bool:
    """May it be the id of a GPU class?"""
    return _CLASS.fullmatch(text) is not None


def group_name(provider: str, text: str) -> str:
    """The name of a container group, which is its handle. Raises InvalidProviderRequest for what can be none."""
    if _NAME.fullmatch(text) is None:
        raise InvalidProviderRequest(
            provider, "name: 2 to 63 small letters, digits and dashes, a letter first"
        )
    return text
