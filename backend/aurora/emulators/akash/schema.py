"""A small schema language that complains in the words of Akash's own SDL validator (contract, section 8.6)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Place:
    """Where a value stands: the path of its parent, and its own key."""

    parent: str = ""
    key: str = ""

    @property
    def path(self) -> str:
        return f"{self.parent}/{self.key}" if self.key else self.parent

    @property
    def at(self) -> str:
        """As the messages name the parent: ` at "/services/web"`, nothing for the root."""
        return f' at "{self.parent}"' if self.parent else ""

    @property
    def subject(self) -> str:
        return f'"{self.key}"{self.at}'

    def inner(self, key: object) -> "Place":
        return Place(self.path, str(key))


class Rule(Protocol):
    def fits(self, value: Any) -> bool:
        """Whether the value is of the rule's type at all."""
        ...

    def faults(self, value: Any, place: Place) -> Iterator[str]:
        """What is wrong with a value, in messages."""
        ...


@dataclass(frozen=True)
class Text:
    least: int = 0
    pattern: str | None = None
    choices: tuple[str, ...] = ()

    def fits(self, value: Any) -> bool:
        return isinstance(value, str)

    def faults(self, value: Any, place: Place) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{place.subject} should be string."
        elif self.choices and value not in self.choices:
            yield f"{place.subject} should be one of: {', '.join(self.choices)}."
        elif len(value) < self.least:
            yield f"{place.subject} must be at least {self.least} characters long."
        elif self.pattern and not re.search(self.pattern, value):
            yield f'Invalid format: {place.subject} does not match pattern "{self.pattern}"'


@dataclass(frozen=True)
class Number:
    """A number; `whole` for integers only."""

    least: float | None = None
    most: float | None = None
    whole: bool = False

    def fits(self, value: Any) -> bool:
        kinds = int if self.whole else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)

    def faults(self, value: Any, place: Place) -> Iterator[str]:
        if not self.fits(value):
            yield f"{place.subject} should be {'integer' if self.whole else 'number'}."
        elif self.least is not None and value < self.least:
            yield f"{place.subject} must be at least {self.least:g}."
        elif self.most is not None and value > self.most:
            yield f"{place.subject} must be at most {self.most:.0f}."


@dataclass(frozen=True)
class Flag:
    def fits(self, value: Any) -> bool:
        return isinstance(value, bool)

    def faults(self, value: Any, place: Place) -> Iterator[str]:
        if not self.fits(value):
            yield f"{place.subject} should be boolean."


@dataclass(frozen=True)
class Nothing:
    def fits(self, value: Any) -> bool:
        return value is None

    def faults(self, value: Any, place: Place) -> Iterator[str]:
        if value is not None:
            yield f"{place.subject} should be null."


@dataclass(frozen=True)
class Rows:
    item: Rule

    def fits(self, value: Any) -> bool:
        return isinstance(value, list)

    def faults(self, value: Any, place: Place) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{place.subject} should be array."
            return
        for number, item in enumerate(value):
            yield from self.item.faults(item, place.inner(number))


@dataclass(frozen=True)
class Fields:
    """An object of known keys."""

    of: Mapping[str, Rule]
    required: tuple[str, ...] = ()

    def fits(self, value: Any) -> bool:
        return isinstance(value, dict)

    def faults(self, value: Any, place: Place) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place.subject} should be object." if place.key else "SDL should be object."
            return
        at = f' at "{place.path}"' if place.path else ""
        for name in self.required:
            if name not in value:
                yield f'Missing required field: "{name}"{at}.'
        for name, item in value.items():
            rule = self.of.get(str(name))
            if rule is None:
                yield f'Additional property "{name}" is not allowed{at}.'
            else:
                yield from rule.faults(item, place.inner(name))


@dataclass(frozen=True)
class Named:
    """An object whose keys are names that the user chose."""

    value: Rule
    pattern: str | None = None

    def fits(self, value: Any) -> bool:
        return isinstance(value, dict)

    def faults(self, value: Any, place: Place) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place.subject} should be object."
            return
        for name, item in value.items():
            if self.pattern and not re.search(self.pattern, str(name)):
                yield (
                    f'Field "{name}" at "{place.path}" doesn\'t satisfy any of the allowed patterns: {self.pattern}.'
                )
            else:
                yield from self.value.faults(item, place.inner(name))


@dataclass(frozen=True)
class Either:
    """The first rule whose type fits decides."""

    rules: tuple[Rule, ...]
    names: str = field(default="")

    def fits(self, value: Any) -> bool:
        return any(rule.fits(value) for rule in self.rules)

    def faults(self, value: Any, place: Place) -> Iterator[str]:
        rule = next((rule for rule in self.rules if rule.fits(value)), None)
        if rule is None:
            yield f"{place.subject} should be {self.names or 'of another type'}."
        else:
            yield from rule.faults(value, place)


@dataclass(frozen=True)
class Anything:
    def fits(self, _: Any) -> bool:
        return True

    def faults(self, _value: Any, _place: Place) -> Iterator[str]:
        yield from ()
