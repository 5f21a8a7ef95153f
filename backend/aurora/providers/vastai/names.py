"""GPU names as Vast.ai spells them: the slices of its catalogue."""

from collections.abc import Iterable

KNOWN_GPU_NAMES: tuple[str, ...] = (
    "A100 SXM4",
    "A100 PCIE",
    "H100 SXM",
    "H100 NVL",
    "H100 PCIE",
    "RTX 4090",
    "Tesla T4",
    "RTX 5090",
    "RTX 3090",
    "L40S",
    "H200",
    "B200",
    "L4",
    "A10",
    "A40",
    "L40",
    "RTX A6000",
    "RTX 6000Ada",
    "RTX A5000",
    "RTX A4000",
    "RTX 4090D",
    "RTX 4080",
    "RTX 4080S",
    "RTX 4070",
    "RTX 4070S",
    "RTX 4070 Ti",
    "RTX 4070S Ti",
    "RTX 4060 Ti",
    "RTX 4060",
    "RTX 3090 Ti",
    "RTX 3080",
    "RTX 3080 Ti",
    "RTX 3070",
    "RTX 3060",
    "RTX 5080",
    "RTX 5070 Ti",
    "RTX 5070",
    "RTX 5060 Ti",
    "RTX PRO 6000 WS",
    "RTX PRO 6000 S",
    "A30",
    "Tesla V100",
    "Tesla P100",
    "GH200 SXM",
    "H200 NVL",
    "B300",
    "Q RTX 8000",
    "Q RTX 6000",
    "GTX 1080 Ti",
    "RTX 2080 Ti",
)
"""Most asked-for first. Used when the market's own list cannot be read, and for the order of that list."""


def in_order_of_demand(names: Iterable[str]) -> tuple[str, ...]:
    """The names we know in our order, then the others by the alphabet."""
    given = set(names)
    known = tuple(name for name in KNOWN_GPU_NAMES if name in given)
    return known + tuple(sorted(given.difference(known)))
