"""The settings of an emulated gateway that can be changed while it runs."""

from dataclasses import dataclass
from typing import Any

from aurora.emulators.faults import Parameter
from aurora.emulators.knobs import KnobBoard, Rules, one_of


@dataclass(frozen=True, kw_only=True)
class Knobs(KnobBoard):
    """`health` is what the gateway says of itself; `price_factor` moves all prices that are asked, not those agreed."""

    health: str = "ok"
    price_factor: float = 1

    @classmethod
    def rules(cls) -> Rules:
        return {
            "health": one_of("ok", "degraded", "down"),
            "price_factor": Parameter(_is_factor, "must be a number above 0, at most 1000"),
        }


def _is_factor(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1000
