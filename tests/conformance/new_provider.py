"""`make provider NAME=x`: a folder for the adapter, one for the emulator, a description, all of which fails the kit.

Nothing of what is made pretends to work: the kit says promise by promise what is missing.
"""

import re
import sys
from collections.abc import Sequence
from keyword import iskeyword
from pathlib import Path
from string import Template

from aurora.conformance.rules import RULES

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAME = re.compile(r"[a-z][a-z0-9]{1,19}")
_NEXT = """Made for {name}:
{files}

Next, in this order (docs/add-a-provider.md):
  1. tests/fixtures/{name}/       captures and examples of its documents, each with its source in a README.md
  2. {name}.py, {name}.json       the description and the known offers, worked out by hand
  3. backend/aurora/emulators     the emulator, by somebody else; its name in server.py and options.py there
  4. backend/aurora/providers     the adapter, until `pytest tests/conformance -k {name}` passes
  5. settings                     {upper}_* and the name in PROVIDERS of settings.py, and where the page says
  6. docs/providers.md            what works live, what is assumed and why, key steps, limits, quirks"""


class Refused(ValueError):
    """The name cannot be used."""


def make(name: str, root: Path = ROOT) -> list[Path]:
    """Write all files below `root` and return them. Raises Refused; then nothing was written."""
    backend, kit = root / "backend" / "aurora", root / "tests" / "conformance"
    folder, emulator = backend / "providers" / name, backend / "emulators" / name
    _check(name, backend, kit)
    rules = "\n".join(f"| `{rule}` | open |" for rule in RULES)
    words = {"name": name, "Class": name.capitalize(), "rules": rules}
    targets = {
        **{file: folder / file.stem for file in sorted((HERE / "template" / "provider").glob("*.tmpl"))},
        **{file: emulator / file.stem for file in sorted((HERE / "template" / "emulator").glob("*.tmpl"))},
        HERE / "template" / "description.py.tmpl": kit / "markets" / f"{name}.py",
        HERE / "template" / "known_offers.json.tmpl": kit / "known_offers" / f"{name}.json",
    }
    for template, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(template.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
    return sorted(targets.values())


def _check(name: str, backend: Path, kit: Path) -> None:
    if not name:
        raise Refused("say which: make provider NAME=mymarket")
    if NAME.fullmatch(name) is None or iskeyword(name):
        raise Refused(f"NAME={name}: 2 to 20 of a-z and 0-9, a letter first, and no word of Python's")
    taken = [
        place
        for place in (
            backend / "providers" / name,
            backend / "providers" / f"{name}.py",
            backend / "emulators" / name,
            backend / "emulators" / f"{name}.py",
            kit / "markets" / f"{name}.py",
        )
        if place.exists()
    ]
    if taken:
        raise Refused(f"NAME={name}: {taken[0].relative_to(backend.parents[1])} exists already")


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Exit code 2 for a name that cannot be used."""
    name = arguments[0].strip() if arguments else ""
    try:
        made = make(name, root)
    except Refused as refused:
        sys.stderr.write(f"{refused}\n")
        return 2
    files = "\n".join(f"  {file.relative_to(root)}" for file in made)
    sys.stdout.write(_NEXT.format(name=name, upper=name.upper(), files=files) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
