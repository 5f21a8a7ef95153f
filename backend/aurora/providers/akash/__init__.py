"""Akash: an auction of other people's clusters, settled on a chain. Sources are named where facts are used."""

from aurora.providers.akash.base_url import (
    BASE_URL,
    LCD_URL,
    PROXY_URL,
    normalise_base_url,
    normalise_lcd_url,
    normalise_proxy_url,
)
from aurora.providers.akash.limits import REAL, RELAXED
from aurora.providers.akash.provider import AkashAccount, AkashProvider

__all__ = [
    "BASE_URL",
    "LCD_URL",
    "PROXY_URL",
    "REAL",
    "RELAXED",
    "AkashAccount",
    "AkashProvider",
    "normalise_base_url",
    "normalise_lcd_url",
    "normalise_proxy_url",
]
