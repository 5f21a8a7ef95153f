"""The GPUs we know: one name for each, whatever a market or a user calls it.

`tables/gpus.csv` holds one row per product (family, form, memory) with facts, `tables/gpu_aliases.csv` the spellings
that cannot be derived. Sources and licences: `tables/ATTRIBUTION.md`.
"""

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files

from aurora.domain import gpu_name
from aurora.domain.errors import InvalidRequest
from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.gpu_name import GpuName

_MIB_PER_GIB = 1024
_LONGEST_QUERY = 64
_REMEMBERED = 4096
"""Names that are not read anew: a market has a few hundred for its thousands of rows."""
_QUERY = re.compile(r"[A-Za-z0-9 ._()+/,-]+")
_GEFORCE = re.compile(r"^(?:rtx|gtx|gt)(.+)$")
_POPULAR = ("a100", "h100", "rtx4090")


@dataclass(frozen=True, slots=True)
class GpuSpec:
    """One product. Figures are the vendor's, without sparsity or tensor cores, and None where we have no source."""

    family: str
    form: str
    """How it is built: sxm, pcie, nvl, oam, mobile; for the RTX PRO 6000 ws, server, maxq."""
    vram_gb: int
    standard: bool
    """False for boards that the vendor did not sell generally (custom or modified memory)."""
    name: str
    manufacturer: str
    released: date | None
    fp16_tflops: float | None
    fp32_tflops: float | None
    bandwidth_gb_s: float | None
    tdp_w: float | None


@dataclass(frozen=True, slots=True)
class _Alias:
    family: str
    form: str | None = None


class GpuTable:
    """Reads GPU names. Immutable once made; share one instance."""

    def __init__(self, specs: Iterable[GpuSpec], aliases: Mapping[str, tuple[str, str | None]]) -> None:
        self._specs: dict[str, list[GpuSpec]] = {}
        for spec in specs:
            self._specs.setdefault(spec.family, []).append(spec)
        self._aliases = dict(_all_aliases(self._specs, aliases))
        self._identified = lru_cache(maxsize=_REMEMBERED)(self._identify)
        self._query_of = lru_cache(maxsize=_REMEMBERED)(self._in_table)

    @classmethod
    def load(cls) -> "GpuTable":
        """The table shipped with the package."""
        return cls(
            (_spec(row) for row in _rows("gpus.csv")),
            {row["alias"]: (row["family"], row["form"] or None) for row in _rows("gpu_aliases.csv")},
        )

    @property
    def families(self) -> tuple[str, ...]:
        """Every family we know, in the table's order."""
        return tuple(self._specs)

    def identify(
        self,
        raw_name: str,
        *,
        vram_mb: float | None = None,
        vram_gb: float | None = None,
        interface: str | None = None,
    ) -> GpuModel:
        """The model that a market means. Never fails: an unknown name is kept as `known=False`.

        `vram_mb` is MiB per GPU as drivers report it, `vram_gb` per GPU in GB; either wins over a size in the name.
        `interface` (`SXM5`, `PCIe`) fills a form that the name does not give.
        """
        return self._identified(raw_name, vram_mb / _MIB_PER_GIB if vram_mb else vram_gb or None, interface)

    def _identify(self, raw_name: str, measured: float | None, interface: str | None) -> GpuModel:
        name, alias = self._resolve(gpu_name.read(raw_name))
        if alias is None:
            size = measured or name.size_gb
            return GpuModel(
                family=gpu_name.slug(name.words),
                form=name.form,
                vram_gb=gpu_name.size_as_sold(size) if size else None,
                known=False,
            )
        written = alias.form or name.form or gpu_name.form_of(interface) or name.form_hint
        return self._model(
            alias.family, form=written, size_gb=measured or self._plausible(alias.family, name)
        )

    def parse_query(self, text: str, *, also: Collection[str] = ()) -> GpuQuery:
        """What a request's `gpu_type` asks for. `also`: families outside the table that the catalogue has.

        Raises InvalidRequest("gpu_type", ...) with the nearest names.
        """
        if len(text) > _LONGEST_QUERY or not _QUERY.fullmatch(text.strip(" ")):
            raise InvalidRequest(
                "gpu_type", f"not a GPU name (letters, digits, blanks, at most 64); try {', '.join(_POPULAR)}"
            )
        found = self._query_of(text)
        if isinstance(found, GpuName):
            return self._query_outside_table(text.strip(), name=found, also=also)
        return found

    def _in_table(self, text: str) -> GpuQuery | GpuName:
        """What the table has under this name, or the name as read. Raises InvalidRequest for a form or size it lacks."""
        name, alias = self._resolve(gpu_name.read(text))
        if alias is None:
            return name
        form = self._form_asked(alias.family, alias.form or name.form)
        return GpuQuery(alias.family, form, self._size_asked(alias.family, name))

    def spec(self, model: GpuModel) -> GpuSpec | None:
        """The facts about `model`; where its form or memory is not known, those of the family's first product."""
        specs = self._specs.get(model.family, ())
        fitting = [
            spec
            for spec in specs
            if model.form in (None, spec.form) and model.vram_gb in (None, spec.vram_gb)
        ]
        return next(iter(fitting or specs), None)

    def sizes(self, family: str) -> tuple[int, ...]:
        """Memory sizes of a family in GB, the general ones first."""
        return tuple(dict.fromkeys(spec.vram_gb for spec in self._specs.get(family, ())))

    def forms(self, family: str) -> tuple[str, ...]:
        """The forms of a family, where it has more than one."""
        forms = tuple(dict.fromkeys(spec.form for spec in self._specs.get(family, ())))
        return forms if len(forms) > 1 else ()

    def suggestions(self, text: str) -> tuple[str, ...]:
        """Up to three families whose names look like `text`."""
        key = gpu_name.read(text).key
        near = get_close_matches(key, self._aliases, n=8, cutoff=0.6)
        return tuple(dict.fromkeys(self._aliases[alias].family for alias in near))[:3] or _POPULAR

    def _resolve(self, name: GpuName) -> tuple[GpuName, _Alias | None]:
        """Look the product up, taking endings off until something matches."""
        shorter: GpuName | None = name
        while shorter is not None:
            alias = self._aliases.get(shorter.key) or self._numbered(shorter)
            if alias is not None:
                return shorter, alias
            shorter = gpu_name.peel(shorter)
        return name, None

    def _numbered(self, name: GpuName) -> _Alias | None:
        """`a100 80`: the product without its last number, when that is one of its sizes."""
        if name.last_number is None:
            return None
        alias = self._aliases.get(name.key.removesuffix(str(name.last_number)))
        return alias if alias and name.last_number in self.sizes(alias.family) else None

    def _plausible(self, family: str, name: GpuName) -> float | None:
        """The size in the name, unless no such board exists ("GH200 480GB" counts the CPU's memory)."""
        size = name.size_gb or (float(name.last_number) if name.last_number in self.sizes(family) else None)
        if size is None:
            return None
        sold = gpu_name.size_as_sold(size, self.sizes(family))
        return size if sold in self.sizes(family) or sold in gpu_name.SIZES_GB else None

    def _model(self, family: str, *, form: str | None, size_gb: float | None) -> GpuModel:
        """Fill in what follows: one possible size, or one possible form, is the one."""
        size = gpu_name.size_as_sold(size_gb, self.sizes(family)) if size_gb else None
        forms = self.forms(family)
        form = form if form in forms else None
        fitting = [
            spec
            for spec in self._specs[family]
            if spec.standard and form in (None, spec.form) and size in (None, spec.vram_gb)
        ]
        if form is None and forms and len({spec.form for spec in fitting}) == 1:
            form = fitting[0].form
        if size is None and len({spec.vram_gb for spec in fitting}) == 1:
            size = fitting[0].vram_gb
        return GpuModel(family, form, size)

    def _form_asked(self, family: str, form: str | None) -> str | None:
        built = {spec.form for spec in self._specs[family]}
        if form is not None and form not in built:
            raise InvalidRequest(
                "gpu_type", f"{family} is not sold as {form}; it is sold as {', '.join(sorted(built))}"
            )
        return form if self.forms(family) else None

    def _size_asked(self, family: str, name: GpuName) -> int | None:
        sizes = self.sizes(family)
        size = name.size_gb or (name.last_number if name.last_number in sizes else None)
        if size is None:
            return None
        if size not in sizes:
            offered = ", ".join(f"{family}-{known}gb" for known in sizes)
            raise InvalidRequest("gpu_type", f"{family} is not sold with {size:g} GB; there is {offered}")
        return int(size)

    def _query_outside_table(self, text: str, *, name: GpuName, also: Collection[str]) -> GpuQuery:
        family = gpu_name.slug(name.words)
        if family in also:
            size = gpu_name.size_as_sold(name.size_gb) if name.size_gb else None
            return GpuQuery(family, name.form, size)
        near = ", ".join(self.suggestions(text))
        raise InvalidRequest("gpu_type", f"unknown GPU {text!r}; nearest: {near}")


def _all_aliases(
    specs: Mapping[str, list[GpuSpec]], written: Mapping[str, tuple[str, str | None]]
) -> Iterator[tuple[str, _Alias]]:
    """Derived spellings first, then written ones, then the families themselves: later ones win."""
    for family in specs:
        for alias in _derived(family):
            yield alias, _Alias(family)
    for alias, (family, form) in written.items():
        yield from (
            (spelling, _Alias(family, form)) for spelling in (_without_series(alias), alias) if spelling
        )
    for family in specs:
        yield family, _Alias(family)


def _derived(family: str) -> Iterator[str]:
    """`rtx4070tisuper` is also 4070tisuper, rtx4070sti, rtx4070tis; `rtx3060laptop` also rtx3060m, rtx3060mobile."""
    for spelling in {family, *_respelled(family)}:
        yield spelling
        yield _without_series(spelling) or spelling
    for prefix in ("quadro", "radeon"):
        if family.startswith(prefix):
            yield family.removeprefix(prefix)
    if family.startswith("mi"):
        yield f"instinct{family}"


def _respelled(family: str) -> Iterator[str]:
    if family.endswith("tisuper"):
        stem = family.removesuffix("tisuper")
        yield from (f"{stem}sti", f"{stem}tis", f"{stem}superti")
    elif family.endswith("super"):
        yield f"{family.removesuffix('super')}s"
    if family.endswith("laptop"):
        stem = family.removesuffix("laptop")
        yield from (f"{stem}m", f"{stem}mobile", f"{stem}maxq")


def _without_series(spelling: str) -> str | None:
    """`rtx4090` without its series name is `4090`."""
    found = _GEFORCE.match(spelling)
    return found[1] if found else None


def _rows(name: str) -> list[dict[str, str]]:
    text = files("aurora.domain").joinpath("tables", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _spec(row: Mapping[str, str]) -> GpuSpec:
    def figure(column: str) -> float | None:
        return float(row[column]) if row[column] else None

    return GpuSpec(
        family=row["family"],
        form=row["form"],
        vram_gb=int(row["vram_gb"]),
        standard=row["standard"] == "1",
        name=row["name"],
        manufacturer=row["manufacturer"],
        released=date.fromisoformat(row["released"]) if row["released"] else None,
        fp16_tflops=figure("fp16_tflops"),
        fp32_tflops=figure("fp32_tflops"),
        bandwidth_gb_s=figure("bandwidth_gb_s"),
        tdp_w=figure("tdp_w"),
    )
