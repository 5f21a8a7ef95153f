"""What a market's spelling of a GPU says: which product, which form, how much memory."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_COUNT = re.compile(r"^\s*\d{1,2}\s*x\s*(?=[a-z])")
_SIZE = re.compile(r"(?<![a-z0-9.])(\d{1,3}(?:\.\d+)?)\s*(?:gib|gb|gi|g)(?![a-z0-9])")
_GLUED_SIZE = re.compile(r"(16|24|32|40|48|64|80|94|96|141|180|192)g(?:ib|b|i)?$")
_GLUED_FORM = re.compile(r"(sxm\d?|pcie|nvl|oam)$")
_SEPARATORS = re.compile(r"[^a-z0-9.]+")
_FORM = re.compile(r"^(sxm|pcie|nvl|oam|hgx)\d?$")

_BRANDS = (
    "nvidia",
    "corporation",
    "geforce",
    "tesla",
    "quadro",
    "amd",
    "ati",
    "radeon",
    "instinct",
    "intel",
    "dgx",
)
_ARCHITECTURES = ("blackwell", "hopper", "ampere", "turing", "volta", "pascal", "lovelace")
_MEMORY_TYPES = ("gddr5", "gddr5x", "gddr6", "gddr6x", "gddr7", "hbm2", "hbm2e", "hbm3e")
_FILLERS = (
    "gpu",
    "graphics",
    "card",
    "tensor",
    "core",
    "generation",
    "gen",
    "edition",
    "founders",
    "fe",
    "oem",
)
_NOISE = frozenset((*_BRANDS, *_ARCHITECTURES, *_MEMORY_TYPES, *_FILLERS, "lhr", "nvlink", "ac", "lc"))
"""Words that never tell two products of our table apart (`ac`, `lc`: cooled by air, by liquid)."""

SIZES_GB = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    11,
    12,
    16,
    20,
    22,
    24,
    32,
    36,
    40,
    48,
    64,
    72,
    80,
    84,
    94,
    96,
    128,
    141,
    144,
)
"""Memory sizes in which GPUs are sold; beyond them only the table's own."""

_LESS, _MORE = 0.92, 1.04
"""What a driver reports lies between 92 % (ECC and firmware take up to 7 %) and 104 % of the size as sold."""


@dataclass(frozen=True, slots=True)
class GpuName:
    """The parts of one spelling. `key` is the product without blanks: `rtx4070superti`, `a100`."""

    key: str
    words: tuple[str, ...]
    form: str | None = None
    form_hint: str | None = None
    """What the memory type suggests (an H100 with HBM3 is the SXM board) when no form is written."""
    size_gb: float | None = None
    last_number: int | None = None
    """A bare number at the end (`a100 80`), which may be a size."""


def read(text: str) -> GpuName:
    """Take a spelling apart. Never fails: what is not understood stays in `key`."""
    rest = text.lower().replace("max-q", "maxq").replace("pci-e", "pcie").replace("®", " ").replace("™", " ")
    rest = _COUNT.sub("", rest)
    sizes = _SIZE.findall(rest)
    words = [word.strip(".") for word in _SEPARATORS.split(_SIZE.sub(" ", rest))]
    words = [word for word in words if word and word not in _NOISE]
    form = next((_form(word) for word in words if _form(word)), None)
    hint = "sxm" if "hbm3" in words else None
    kept = tuple(word for word in words if _form(word) is None and word != "hbm3")
    number = int(kept[-1]) if len(kept) > 1 and kept[-1].isdecimal() and len(kept[-1]) <= 3 else None
    return GpuName(
        key="".join(kept),
        words=kept,
        form=form,
        form_hint=hint,
        size_gb=float(sizes[0]) if sizes else None,
        last_number=number,
    )


def peel(name: GpuName) -> GpuName | None:
    """The name without one ending written together with the product (`h100sxm`, `t4-16gb` as `t416gb`)."""
    found = _GLUED_FORM.search(name.key)
    if found and found.start() > 0:
        return _shorter(name, key=name.key[: found.start()], form=name.form or _form(found[1]))
    found = _GLUED_SIZE.search(name.key)
    if found and found.start() > 0:
        size = name.size_gb or float(found[1])
        return _shorter(name, key=name.key[: found.start()], form=name.form, size_gb=size)
    return None


def form_of(text: str | None) -> str | None:
    """`SXM5` and `sxm4` are `sxm`; what is no form of a GPU is None."""
    return _form((text or "").strip().lower().replace("-", ""))


def size_as_sold(size_gb: float, known: Iterable[int] = ()) -> int:
    """The size on the box for a size measured in GiB: of the family's `known` sizes, else of all, else rounded."""
    for sizes in (tuple(known), SIZES_GB):
        fitting = [size for size in sizes if _LESS * size <= size_gb <= _MORE * size]
        if fitting:
            return min(fitting, key=lambda size: abs(size - size_gb))
    return max(1, round(size_gb))


def slug(words: Sequence[str]) -> str:
    """A stable name for a GPU that the table does not have."""
    return "-".join(re.sub(r"[^a-z0-9]", "", word) for word in words)[:48].strip("-") or "unknown"


def _form(word: str | None) -> str | None:
    found = _FORM.match(word or "")
    if not found:
        return None
    return "sxm" if found[1] == "hgx" else found[1]


def _shorter(name: GpuName, *, key: str, form: str | None, size_gb: float | None = None) -> GpuName:
    return GpuName(key, name.words, form, name.form_hint, size_gb or name.size_gb, name.last_number)
