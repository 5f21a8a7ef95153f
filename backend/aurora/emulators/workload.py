"""What the emulated container would do: fail to be pulled, end by itself after some seconds, or run until it is stopped."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

# Image names that no registry has, by the convention of our tests and demos.
_MISSING_IMAGE = re.compile(r"does[-_]?not[-_]?exist|no[-_]such[-_]image|nonexistent|notfound", re.IGNORECASE)
_ONE_SHOT_IMAGE = re.compile(r"(^|/)hello-world(:|@|$)")
_ONE_SHOT_COMMANDS = frozenset(
    {"true", "false", "echo", "printf", "exit", "ls", "date", "env", "hostname", "nvidia-smi", "uname"}
)
_SHELLS = frozenset({"sh", "bash", "/bin/sh", "/bin/bash", "ash", "dash"})


@dataclass(frozen=True)
class Workload:
    """`image`, and the command as a list of words; empty when the image's own command runs."""

    image: str
    command: Sequence[str]

    @property
    def start_error(self) -> str | None:
        """The daemon's complaint, if the image cannot be pulled."""
        if not _MISSING_IMAGE.search(self.image):
            return None
        name = self.image.partition(":")[0]
        return (
            f"Error response from daemon: pull access denied for {name}, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied"
        )

    @property
    def seconds(self) -> float | None:
        """For how long the container runs, None if until it is stopped."""
        if _ONE_SHOT_IMAGE.search(self.image):
            return 0.0
        return _seconds(self.command) if self.command else None


def _seconds(command: Sequence[str]) -> float | None:
    words = list(command)
    if len(words) >= 3 and words[0] in _SHELLS and words[1].startswith("-") and words[1].endswith("c"):
        return _script_seconds(words[2])
    if len(words) == 1 and " " in words[0]:
        return _script_seconds(words[0])
    return _step_seconds(words)


def _script_seconds(script: str) -> float | None:
    """The sum of its steps; None as soon as one of them never ends."""
    total = 0.0
    for step in re.split(r";|&&|\n|\s&\s", script):
        seconds = _step_seconds(_words(step))
        if seconds is None:
            return None
        total += seconds
        if _words(step)[:1] == ["exit"]:
            break
    return total


def _words(step: str) -> list[str]:
    try:
        return shlex.split(step)
    except ValueError:
        return step.split()


def _step_seconds(words: Sequence[str]) -> float | None:
    if not words or words[0] in _ONE_SHOT_COMMANDS:
        return 0.0
    if words[0] == "sleep" and len(words) == 2 and re.fullmatch(r"\d+(\.\d+)?", words[1]):
        return float(words[1])
    return None
