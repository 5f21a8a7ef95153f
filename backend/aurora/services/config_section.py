"""One mapping of a file in `config/`, read key by key; every complaint is one line that names file and key."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from aurora.domain.money import usd

_MOST = 1_000_000_000
"""No amount in a file is larger."""


class ConfigError(Exception):
    """A file that users edit is wrong. The text is one line: `config/router.yaml: defaults.max_price: ...`."""


class ConfigSection:
    """A mapping of a YAML file. A key that is absent or null gives the default."""

    def __init__(self, file: str, content: Mapping[str, Any], *, path: str = "") -> None:
        self._file = file
        self._content = content
        self._path = path

    @classmethod
    def load(cls, path: Path) -> "ConfigSection":
        """The whole file; one that does not exist is empty. Raises ConfigError for what is no YAML mapping."""
        file = f"{path.parent.name}/{path.name}"
        try:
            text = path.read_text(encoding="utf-8")
            content = yaml.safe_load(text)
        except FileNotFoundError:
            content = None
        except yaml.YAMLError as exc:
            raise ConfigError(f"{file}: {_where(exc)}not valid YAML") from None
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"{file}: cannot be read ({type(exc).__name__})") from None
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise ConfigError(f"{file}: must be a mapping of keys to values")
        return cls(file, content)

    def error(self, key: str, text: str) -> ConfigError:
        """The complaint about `key`, to be raised."""
        return ConfigError(f"{self._file}: {self._path}{key}: {text}")

    def only(self, allowed: Collection[str]) -> None:
        """Refuse keys that nobody reads: a misspelt limit must not be ignored."""
        for key in self._content:
            if key not in allowed:
                raise self.error(str(key), f"unknown key; known: {', '.join(sorted(allowed))}")

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(str(key) for key in self._content)

    def section(self, key: str) -> "ConfigSection":
        """The mapping below `key`; empty when absent."""
        value = self._content.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.error(key, "must be a mapping of keys to values")
        return ConfigSection(self._file, value, path=f"{self._path}{key}.")

    def number(self, key: str, default: float, *, low: float = 0.0, high: float) -> float:
        value = self._content.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.error(key, f"must be a number from {low:g} to {high:g}")
        return float(value)

    def amount(self, key: str, default: Decimal) -> Decimal:
        """A number > 0 that is kept exactly: money, hours."""
        value = self._content.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MOST:
            raise self.error(key, f"must be a number > 0, at most {_MOST}")
        return usd(value).normalize()

    def count(self, key: str, default: int, *, low: int = 1, high: int) -> int:
        value = self._content.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.error(key, f"must be a whole number from {low} to {high}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._content.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false")
        return value

    def text(self, key: str, default: str | None) -> str | None:
        value = self._content.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, "must be a text")
        return value.strip()

    def choice(self, key: str, default: str, *, known: Collection[str]) -> str:
        value = self._content.get(key)
        if value is None:
            return default
        if value not in known:
            raise self.error(key, f"must be one of {', '.join(known)}")
        return str(value)

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts; numbers in it (ports) are read as text."""
        value = self._content.get(key)
        if value is None:
            return default
        if not isinstance(value, list):
            raise self.error(key, "must be a list")
        for item in value:
            if isinstance(item, bool) or not isinstance(item, str | int):
                raise self.error(key, "must be a list of texts")
        return tuple(str(item) for item in value)


def _where(exc: yaml.YAMLError) -> str:
    mark = getattr(exc, "problem_mark", None)
    return f"line {mark.line + 1}: " if mark is not None else ""
