"""Settings of a market that can be changed while it runs: what each may be, and the change itself."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from aurora.emulators.faults import BadFault, Parameter

Rules = Mapping[str, Parameter]


@dataclass(frozen=True, kw_only=True)
class KnobBoard(ABC):
    """Base of a market's settings; `rules` says for each field what it may be."""

    @classmethod
    @abstractmethod
    def rules(cls) -> Rules:
        """What each field may be."""

    def listed(self) -> Mapping[str, Any]:
        return asdict(self)

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """All of the changes or none. Raises BadFault with the name of the first wrong one."""
        rules = self.rules()
        for name, value in changes.items():
            if name not in rules:
                raise BadFault(name, f"is not a setting; there are {', '.join(rules)}")
            if not rules[name].fits(value):
                raise BadFault(name, rules[name].says)
        return replace(self, **changes)


def truth() -> Parameter:
    return Parameter(lambda value: isinstance(value, bool), "must be true or false")


def one_of(*values: str | int) -> Parameter:
    says = f"must be one of {', '.join(map(str, values))}"
    return Parameter(lambda value: not isinstance(value, bool) and value in values, says)


def amount(*, optional: bool = False) -> Parameter:
    """A number of 0 or more; with `optional` also null."""
    says = "must be a number of 0 or more" + (", or null" if optional else "")

    def fits(value: Any) -> bool:
        if value is None:
            return optional
        return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0

    return Parameter(fits, says)
