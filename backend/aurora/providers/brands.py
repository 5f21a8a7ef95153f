"""Which markets there are: every folder beside this file that has a `brand.py`."""

from functools import cache
from importlib import import_module
from pathlib import Path

from aurora.providers.brand import Brand


@cache
def market_names() -> tuple[str, ...]:
    """In alphabetical order; imports none of them."""
    return tuple(sorted(each.parent.name for each in Path(__file__).parent.glob("*/brand.py")))


def brand_of(name: str) -> Brand:
    """What the market says of itself. Raises ModuleNotFoundError."""
    found = import_module(f"aurora.providers.{name}.brand").BRAND
    if not isinstance(found, Brand):
        raise TypeError(f"aurora.providers.{name}.brand.BRAND is no Brand")
    return found
