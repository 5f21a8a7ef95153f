"""Vast.ai: rents slices of other people's machines. Sources are named where facts are used."""

from aurora.providers.vastai.base_url import BASE_URL, normalise_base_url
from aurora.providers.vastai.limits import REAL, RELAXED
from aurora.providers.vastai.provider import VastAccount, VastProvider

__all__ = ["BASE_URL", "REAL", "RELAXED", "VastAccount", "VastProvider", "normalise_base_url"]
