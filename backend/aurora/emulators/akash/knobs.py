"""The settings of the emulated Akash that can be changed while it runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from aurora.emulators.faults import BadFault


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """`era`: the version of the Console API. `trial`: a trial account. `managed_deposits`: era A without deposits of one's own.

    `auto_top_up`: whether the Console keeps new deployments funded; None as the era does (b: yes, a: no).
    `lcd_down`: the Console reads from its database and knows no hashes and group names; the chain's own API is down.
    """

    era: str = "b"
    trial: bool = False
    managed_deposits: bool = False
    auto_top_up: bool | None = None
    lcd_down: bool = False

    @property
    def modern(self) -> bool:
        return self.era == "b"

    @property
    def funds_deposits(self) -> bool:
        return self.modern or self.managed_deposits

    @property
    def tops_up(self) -> bool:
        return self.funds_deposits if self.auto_top_up is None else self.auto_top_up

    def listed(self) -> Mapping[str, Any]:
        return asdict(self)

    def changed(self, changes: Mapping[str, Any]) -> "Knobs":
        """Raises BadFault with the name of a wrong setting."""
        for name, value in changes.items():
            if name not in self.listed():
                raise BadFault(name, f"is not a setting; there are {', '.join(self.listed())}")
            if name == "era" and value not in {"a", "b"}:
                raise BadFault(name, "must be a or b")
            if name != "era" and not isinstance(value, bool) and (name != "auto_top_up" or value is not None):
                raise BadFault(name, "must be true or false")
        return replace(self, **changes)
