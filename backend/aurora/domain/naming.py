"""Names of instances at the markets: what makes an instance ours."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"aurora-([a-z0-9]{6})-([a-z0-9]{12})-([1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class InstanceName:
    """`aurora-<installation, 6>-<deployment, 12>-<attempt>`: [a-z0-9-], at most 40 characters."""

    installation: str
    deployment: str
    attempt: int

    def __str__(self) -> str:
        return f"aurora-{self.installation}-{self.deployment}-{self.attempt}"

    @classmethod
    def parse(cls, text: str | None) -> "InstanceName | None":
        """The name's parts, or None for anything that Aurora did not make."""
        found = _NAME.fullmatch(text or "")
        return cls(found[1], found[2], int(found[3])) if found else None


def deployment_key(deployment_id: str) -> str:
    """The 12 characters of `dep-xxxxxxxxxxxx` that go into names."""
    return deployment_id.removeprefix("dep-")
