"""Places: fifteen macro regions between which round trips were measured, and what markets and users call them.

Tables: `tables/macro_region_rtt_ms.csv` (measured 2022), `region_to_macro.csv` and `cloud_regions.csv` (regions of the
clouds), `countries.csv`, `subdivisions.csv`, `region_aliases.csv`. Sources and rules: `tables/ATTRIBUTION.md`.
"""

import csv
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files

from aurora.domain.errors import InvalidRequest

GLOBAL = "global"
"""The request's word for anywhere."""

_ANYWHERE = frozenset({"global", "any", "anywhere", "world", "worldwide", "all"})
_CONTINENTS = frozenset({"eu", "eur", "na", "ap", "oc", "as", "europe", "asia", "apac", "emea"})
"""First parts of names such as EU-CZ-1; here `na` is North America, not Namibia."""
_CODE_LENGTH = 2
_LONGEST = 64
_REMEMBERED = 4096
"""Places that are not read anew: a market has a few hundred for its thousands of rows."""
_ZONE = re.compile(r"(?<=\d)-?[a-z]$")
_NUMBERED = re.compile(r"^([a-z]+(?:-[a-z]+)*?)-?\d+$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an offer is. Empty `regions`: unknown, which fits every region asked for."""

    country: str | None
    """ISO 3166-1 alpha-2."""
    regions: frozenset[str]
    label: str


UNKNOWN_PLACE = Place(country=None, regions=frozenset(), label="unknown")


@dataclass(frozen=True, slots=True)
class _Subdivision:
    country: str
    label: str
    region: str


class RoundTrips(dict[frozenset[str], float]):
    """`RegionTable.latency_ms` from one origin, remembered: there are few places, and each decision asks for all."""

    def __init__(self, table: "RegionTable", origin: str) -> None:
        super().__init__()
        self._table = table
        self._origin = origin

    def __missing__(self, places: frozenset[str]) -> float:
        found = self[places] = self._table.latency_ms(self._origin, places)
        return found


class RegionTable:
    """Reads places and knows the round trips between them. Immutable once made; share one instance."""

    def __init__(
        self,
        *,
        rtt_ms: Mapping[tuple[str, str], float],
        countries: Mapping[str, tuple[tuple[str, ...], frozenset[str]]],
        subdivisions: Mapping[tuple[str, str], tuple[tuple[str, ...], str]],
        clouds: Mapping[str, tuple[str | None, str]],
        aliases: Mapping[str, tuple[str, frozenset[str]]],
    ) -> None:
        self._rtt = dict(rtt_ms)
        self._placed = lru_cache(maxsize=_REMEMBERED)(self._place)
        self.macro_regions = tuple(sorted({origin for origin, _ in rtt_ms}))
        self._worst = {
            origin: max(rtt_ms[origin, region] for region in self.macro_regions)
            for origin in self.macro_regions
        }
        self._from = {origin: RoundTrips(self, origin) for origin in self.macro_regions}
        self._countries = {code: regions for code, (_, regions) in countries.items()}
        self._country_label = {code: names[0] for code, (names, _) in countries.items()}
        self._country_by_name = {_key(name): code for code, (names, _) in countries.items() for name in names}
        self._clouds = dict(clouds)
        self._aliases = {_key(alias): found for alias, found in aliases.items()}
        self._subdivisions: dict[tuple[str, str], _Subdivision] = {}
        self._subdivision_names: dict[str, _Subdivision] = {}
        for (country, code), (names, region) in subdivisions.items():
            found = _Subdivision(country, names[0], region)
            self._subdivisions[country, _key(code)] = found
            for name in names:
                self._subdivisions[country, _key(name)] = found
                self._subdivision_names.setdefault(_key(name), found)

    @classmethod
    def load(cls) -> "RegionTable":
        """The tables shipped with the package."""
        return cls(
            rtt_ms={
                (row["src_macro"], row["dst_macro"]): float(row["rtt_ms_median"])
                for row in _rows("macro_region_rtt_ms.csv")
            },
            countries={
                row["country"]: (tuple(row["names"].split("|")), frozenset(row["macro_regions"].split()))
                for row in _rows("countries.csv")
            },
            subdivisions={
                (row["country"], row["code"]): (tuple(row["names"].split("|")), row["macro_region"])
                for row in _rows("subdivisions.csv")
            },
            clouds=_clouds(),
            aliases={
                row["alias"]: (row["macro_region"], frozenset(row["place_regions"].split()))
                for row in _rows("region_aliases.csv")
            },
        )

    def macro(self, text: str) -> str:
        """The macro region, or `global`, that a request means. Raises InvalidRequest("region", ...).

        A name wider than one macro region means its busiest one (`europe`: eu-central, `us`: us-east).
        """
        name = _tidy(text)
        if name in _ANYWHERE:
            return GLOBAL
        found = self._macro(name) if name and len(name) <= _LONGEST else None
        if found is None:
            near = ", ".join(self._suggestions(name))
            raise InvalidRequest("region", f"unknown region {text[:_LONGEST]!r}; nearest: {near}")
        return found

    def place(self, text: str | None) -> Place:
        """Where a market says that something is. Never fails: what is not understood is an unknown place."""
        return self._placed(text or "")

    def _place(self, text: str) -> Place:
        label = " ".join(text.split()).strip(" -")
        name = _tidy(label)
        if not _key(name) or name in _ANYWHERE:
            return UNKNOWN_PLACE
        found = self._place_in_commas(label) if "," in label else self._place_in_one_word(label, name=name)
        return found or self._place_by_last_letters(label) or Place(None, frozenset(), label)

    def country_regions(self, country: str) -> frozenset[str]:
        """All macro regions that a country (alpha-2) spans; empty for a code that we do not know."""
        return self._countries.get(country.upper(), frozenset())

    def latency_ms(self, origin: str, regions: Collection[str]) -> float:
        """Median round trip from a macro region to a place in ms: to the farthest of the regions where it may be.

        Unknown place: the farthest of all. Raises InvalidRequest for an unknown origin.
        """
        worst = self._worst.get(origin)
        if worst is None:
            raise InvalidRequest("region", f"no round trips were measured from {origin!r}")
        return max((self._rtt.get((origin, region), worst) for region in regions), default=worst)

    def from_(self, origin: str) -> RoundTrips:
        """`latency_ms` from there, by place."""
        known = self._from.get(origin)
        return RoundTrips(self, origin) if known is None else known

    def _macro(self, name: str) -> str | None:
        if name in self.macro_regions:
            return name
        cloud = self._cloud(name)
        if cloud is not None:
            return cloud[1]
        alias = self._aliases.get(_key(name))
        if alias is not None:
            return alias[0]
        subdivision = self._subdivision_names.get(_key(name))
        country = self._country_by_name.get(_key(name)) or name.upper()
        regions = self._countries.get(country, frozenset())
        if len(regions) == 1:
            return next(iter(regions))
        if subdivision is not None:
            return subdivision.region
        numbered = _NUMBERED.match(name)
        return self._macro(numbered[1]) if numbered and not regions else None

    def _cloud(self, name: str) -> tuple[str | None, str] | None:
        return self._clouds.get(name) or self._clouds.get(_ZONE.sub("", name))

    def _cloud_of_zone(self, name: str) -> tuple[str | None, str] | None:
        """`us-east-1-bos-1` is served from us-east-1."""
        while "-" in name:
            name = name.rsplit("-", 1)[0]
            if name in self._clouds:
                return self._clouds[name]
        return None

    def _place_in_commas(self, label: str) -> Place | None:
        """`Alberta, CA`, `San Jose, California, United States`, `, US`."""
        *before, last = [part.strip() for part in label.split(",")]
        country = self._country(last)
        if country is None:
            subdivision = self._subdivision_names.get(_key(last))
            return self._in(subdivision.country, subdivision=subdivision) if subdivision else None
        for part in reversed(before):
            subdivision = self._subdivisions.get((country, _key(part)))
            if subdivision is not None:
                return self._in(country, subdivision=subdivision)
        return self._in(country)

    def _place_in_one_word(self, label: str, *, name: str) -> Place | None:
        """A country, a code, a macro or cloud region, a state, or a dashed name such as US-CA-2."""
        if len(label) == _CODE_LENGTH and label.isupper() and label in self._countries:
            return self._in(label)
        known = self._place_of_region(label, name=name)
        if known is not None:
            return known
        country = self._country(label)
        if country is not None:
            return self._in(country)
        subdivision = self._subdivision_names.get(_key(name))
        if subdivision is not None:
            return self._in(subdivision.country, subdivision=subdivision)
        return self._place_in_dashes(label, name=name)

    def _place_of_region(self, label: str, *, name: str) -> Place | None:
        """A name of several countries counts only where no country is called so (`us` is a country)."""
        if name in self.macro_regions:
            return Place(_only_country(name), frozenset({name}), label)
        cloud = self._cloud(name)
        if cloud is not None:
            return Place(cloud[0], frozenset({cloud[1]}), label)
        alias = None if self._country(label) else self._aliases.get(_key(name))
        return None if alias is None else Place(None, alias[1], label)

    def _place_in_dashes(self, label: str, *, name: str) -> Place | None:
        """`us-newyork`, `US-CA-2`, `EU-CZ-1`, `us-east-1-bos-1`, `us-east-fl-nr-1`."""
        if "-" not in label or " " in label:
            return None
        cloud = self._cloud_of_zone(name)
        if cloud is not None:
            return Place(cloud[0], frozenset({cloud[1]}), label)
        prefix = next((region for region in self.macro_regions if name.startswith(f"{region}-")), None)
        if prefix is not None and "-" in prefix:
            return Place(_only_country(prefix), frozenset({prefix}), label)
        parts = name.split("-")
        if len(parts) > _CODE_LENGTH and parts[0] in _CONTINENTS:
            parts = parts[1:]
        country, rest = parts[0].upper(), parts[1:]
        if country not in self._countries:
            return None
        for part in ("".join(rest), *rest):
            subdivision = self._subdivisions.get((country, _key(part)))
            if subdivision is not None:
                return self._in(country, subdivision=subdivision)
        return self._in(country)

    def _place_by_last_letters(self, label: str) -> Place | None:
        """Vast's free text ends with the country's two letters."""
        last = label.rsplit(maxsplit=1)[-1].strip("(),.;")
        return (
            self._in(last)
            if len(last) == _CODE_LENGTH and last.isupper() and last in self._countries
            else None
        )

    def _country(self, text: str) -> str | None:
        code = text.strip().upper()
        return code if code in self._countries else self._country_by_name.get(_key(text))

    def _in(self, country: str, *, subdivision: _Subdivision | None = None) -> Place:
        if subdivision is not None:
            return Place(country, frozenset({subdivision.region}), f"{subdivision.label}, {country}")
        return Place(country, self._countries[country], f"{self._country_label[country]}, {country}")

    def _suggestions(self, name: str) -> tuple[str, ...]:
        names = [*self.macro_regions, *self._clouds, *self._aliases, *self._country_by_name]
        near = get_close_matches(name[:_LONGEST], names, n=8, cutoff=0.6)
        found = dict.fromkeys(region for region in map(self._macro, near) if region)
        return tuple(found)[:3] or (GLOBAL, "us-east", "us-west", "eu-central")


def _tidy(text: str) -> str:
    return re.sub(r"[\s_]+", "-", text.strip().casefold())


def _key(text: str) -> str:
    """Letters and digits only, without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isascii() and letter.isalnum())


def _only_country(region: str) -> str | None:
    if region.startswith("us-"):
        return "US"
    return "CA" if region == "ca" else None


def _rows(name: str) -> list[dict[str, str]]:
    text = files("aurora.domain").joinpath("tables", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _clouds() -> dict[str, tuple[str | None, str]]:
    """Region without zone -> (country, macro region); the measured regions win over the derived ones."""
    found: dict[str, tuple[str | None, str]] = {
        row["region"]: (row["country"], row["macro_region"]) for row in _rows("cloud_regions.csv")
    }
    for row in _rows("region_to_macro.csv"):
        name = _ZONE.sub("", row["region"].split(":", 1)[1])
        found[name] = (found.get(name, (None, ""))[0], row["macro_region"])
    return found
