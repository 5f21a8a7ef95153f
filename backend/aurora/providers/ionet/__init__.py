"""io.net: containers on other people's machines, paid by the hour in advance. Sources are named where facts are used."""

from aurora.providers.ionet.base_url import BASE_URL, normalise_base_url
from aurora.providers.ionet.limits import REAL, RELAXED
from aurora.providers.ionet.money import RefundRule
from aurora.providers.ionet.provider import IonetAccount, IonetProvider

__all__ = [
    "BASE_URL",
    "REAL",
    "RELAXED",
    "IonetAccount",
    "IonetProvider",
    "RefundRule",
    "normalise_base_url",
]
