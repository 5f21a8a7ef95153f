"""SaladCloud: other people's gaming machines by class and priority. Sources are named where facts are used."""

from aurora.providers.salad.base_url import BASE_URL, normalise_base_url
from aurora.providers.salad.limits import REAL, RELAXED
from aurora.providers.salad.provider import SaladAccount, SaladProvider

__all__ = ["BASE_URL", "REAL", "RELAXED", "SaladAccount", "SaladProvider", "normalise_base_url"]
