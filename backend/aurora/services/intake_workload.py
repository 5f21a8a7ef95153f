"""The container of a request: image, command, environment, ports, disk, each checked before a market sees it."""

import re
import shlex
from collections.abc import Mapping
from typing import Any, TypeGuard

from aurora.domain.errors import InvalidRequest

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"{_HOST}{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")
_PORT = re.compile(r"([1-9][0-9]{0,4})(?:/(tcp|udp))?")

_LONGEST_IMAGE = 512
_MOST_ARGUMENTS = 256
_MOST_VARIABLES = 256
_MOST_PORTS = 64
_HIGHEST_PORT = 65535
_MOST_BYTES = 64 * 1024
"""Of the command, and of the environment."""


def image(value: Any) -> str:
    """An image reference such as `vllm/vllm-openai:v0.9.2` or `ghcr.io/acme/x@sha256:...`."""
    if not isinstance(value, str) or len(value) > _LONGEST_IMAGE or not _IMAGE.fullmatch(value.strip()):
        raise InvalidRequest("image", "must be an image reference such as ghcr.io/acme/worker:1.2")
    return value.strip()


def command(value: Any) -> tuple[str, ...]:
    """The arguments; one text is split as a shell would."""
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as exc:
            raise InvalidRequest("command", f"cannot be split into words: {exc}") from None
    if not isinstance(value, list | tuple) or not all(_is_clean(word) for word in value):
        raise InvalidRequest("command", "must be a list of texts, or one text, without zero bytes")
    if len(value) > _MOST_ARGUMENTS or _bytes(*value) > _MOST_BYTES:
        raise InvalidRequest("command", f"at most {_MOST_ARGUMENTS} words and 64 KiB")
    return tuple(value)


def env(value: Any) -> dict[str, str]:
    """Variables of the container. No message ever repeats a value: they may be secrets."""
    if not isinstance(value, Mapping) or len(value) > _MOST_VARIABLES:
        raise InvalidRequest("env", f"must be at most {_MOST_VARIABLES} names with texts")
    found: dict[str, str] = {}
    for name, content in value.items():
        if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            raise InvalidRequest(
                "env", "a name must be letters, digits and _, at most 128, not a digit first"
            )
        written = str(content) if isinstance(content, int) and not isinstance(content, bool) else content
        if not _is_clean(written):
            raise InvalidRequest("env", f"{name} must be a text without zero bytes")
        found[name] = written
    if _bytes(*found, *found.values()) > _MOST_BYTES:
        raise InvalidRequest("env", "at most 64 KiB")
    return found


def ports(value: Any) -> tuple[str, ...]:
    """`8080` (tcp) or `53/udp`, each once."""
    if not isinstance(value, list | tuple) or len(value) > _MOST_PORTS:
        raise InvalidRequest("ports", f"must be a list of at most {_MOST_PORTS} ports")
    return tuple(dict.fromkeys(_port(each) for each in value))


def _port(value: Any) -> str:
    written = (
        str(value).strip().lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    )
    found = _PORT.fullmatch(written)
    if found is None or int(found[1]) > _HIGHEST_PORT:
        raise InvalidRequest("ports", "a port is written 8080 or 53/udp, from 1 to 65535")
    return f"{found[1]}/udp" if found[2] == "udp" else found[1]


def _is_clean(value: Any) -> TypeGuard[str]:
    """Can it be stored and sent? Zero bytes and halves of characters (lone surrogates) can not."""
    return isinstance(value, str) and not _UNSENDABLE.search(value)


def _bytes(*texts: str) -> int:
    return sum(len(each.encode()) for each in texts)
