"""Places: what markets write, what users ask for, and how far it is."""

import csv
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.errors import InvalidRequest
from aurora.domain.region import UNKNOWN_PLACE, RegionTable

TABLE = RegionTable.load()
US = {"us-east", "us-central", "us-west"}
MACROS = [
    *("af", "au", "ca", "eu-central", "eu-north", "eu-west", "hk-tw", "in"),
    *("jp-kr", "me", "sa", "sea", "us-central", "us-east", "us-west"),
]


def vast_rows() -> list[dict[str, str]]:
    path = Path(__file__).parents[2] / "fixtures" / "regions_geo" / "vastai.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_there_are_fifteen_macro_regions_and_every_pair_was_measured() -> None:
    assert list(TABLE.macro_regions) == MACROS
    assert all(TABLE.latency_ms(origin, {place}) > 0 for origin in MACROS for place in MACROS)


@pytest.mark.parametrize(
    ("text", "country", "regions"),
    [
        ("Alberta, CA", "CA", {"ca"}),
        ("California, US", "US", {"us-west"}),
        ("Texas, US", "US", {"us-central"}),
        ("District of Columbia, US", "US", {"us-east"}),
        ("Georgia, US", "US", {"us-east"}),
        ("Georgia, GE", "GE", {"eu-central"}),
        (", US", "US", US),
        ("US", "US", US),
        ("The Netherlands, NL", "NL", {"eu-west"}),
        ("Czechia, CZ", "CZ", {"eu-central"}),
        ("Türkiye, TR", "TR", {"eu-central"}),
        ("Guangxi, CN", "CN", {"hk-tw"}),
        (", CN", "CN", {"hk-tw", "jp-kr"}),
        ("Sweden", "SE", {"eu-north"}),
        ("IN", "IN", {"in"}),
        ("SA", "SA", {"me"}),
        ("sa", None, {"sa"}),
        ("eu", None, {"eu-west", "eu-central", "eu-north"}),
        ("us-east-2", "US", {"us-east"}),
        ("us-east-1-bos-1", "US", {"us-east"}),
        ("us-west", "US", {"us-west"}),
        ("US-CA-2", "US", {"us-west"}),
        ("EU-CZ-1", "CZ", {"eu-central"}),
        ("us-east-fl-nr-1", "US", {"us-east"}),
        ("na-us-southwest", "US", US),
        ("San Jose, California, United States", "US", {"us-west"}),
        ("Austin, Texas", "US", {"us-central"}),
        ("a cellar near Oslo NO", "NO", {"eu-north"}),
    ],
)
def test_market_strings_become_places(text: str, country: str | None, regions: set[str]) -> None:
    place = TABLE.place(text)

    assert (place.country, place.regions) == (country, frozenset(regions))


@pytest.mark.parametrize("text", [None, "", "  ", ", ", "global", "-"])
def test_no_place_is_the_unknown_place(text: str | None) -> None:
    assert TABLE.place(text) == UNKNOWN_PLACE


def test_free_text_without_a_country_is_kept_as_a_label_of_an_unknown_place() -> None:
    place = TABLE.place("my basement")

    assert (place.country, place.regions, place.label) == (None, frozenset(), "my basement")


@pytest.mark.parametrize("row", vast_rows(), ids=lambda row: row["wire"])
def test_every_vast_place_of_the_data_set_has_its_country_and_regions_in_both_spellings(
    row: dict[str, str],
) -> None:
    for text in (row["raw_region"], row["wire"]):
        place = TABLE.place(text)
        assert place.country == (row["country"] or None)
        assert bool(place.regions) == bool(row["country"])


def test_only_one_of_the_93_vast_places_is_unknown_because_it_is_empty() -> None:
    rows = vast_rows()

    assert len(rows) == 93
    assert [row["wire"] for row in rows if not TABLE.place(row["wire"]).regions] == [""]


@pytest.mark.parametrize(
    ("text", "macro"),
    [
        *((macro, macro) for macro in MACROS),
        ("global", "global"),
        ("Anywhere", "global"),
        ("US-West", "us-west"),
        ("us west", "us-west"),
        ("us_east", "us-east"),
        ("us-west-2", "us-west"),
        ("us-east-1", "us-east"),
        ("eu-west-1", "eu-west"),
        ("eu-central-1", "eu-central"),
        ("ap-southeast-2", "au"),
        ("ap-southeast-1", "sea"),
        ("us-central1-a", "us-central"),
        ("us-central1", "us-central"),
        ("westeurope", "eu-west"),
        ("eastus", "us-east"),
        ("us-west-9", "us-west"),
        ("europe", "eu-central"),
        ("us", "us-east"),
        ("Germany", "eu-central"),
        ("de", "eu-central"),
        ("uk", "eu-west"),
        ("california", "us-west"),
        ("Japan", "jp-kr"),
    ],
)
def test_requests_may_name_a_macro_region_a_cloud_region_a_country_or_a_common_word(
    text: str, macro: str
) -> None:
    assert TABLE.macro(text) == macro


@pytest.mark.parametrize(
    ("text", "near"), [("us-wst", "us-west"), ("eu-centrl", "eu-central"), ("qqq", "us-east")]
)
def test_an_unknown_region_is_refused_with_the_nearest_names(text: str, near: str) -> None:
    with pytest.raises(InvalidRequest, match=near) as refused:
        TABLE.macro(text)

    assert refused.value.field == "region"


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_market_strings(text: str) -> None:
    assert TABLE.place(text).regions <= set(MACROS)


@given(st.text(max_size=200))
def test_every_text_is_a_region_or_a_refusal_without_control_characters(text: str) -> None:
    outcome = macro_or_refusal(text)

    assert outcome in {*MACROS, "global"} or (outcome.startswith("unknown region") and outcome.isprintable())


def macro_or_refusal(text: str) -> str:
    try:
        return TABLE.macro(text)
    except InvalidRequest as refused:
        return refused.detail


def test_a_country_spanning_several_macro_regions_gives_all_of_them() -> None:
    assert TABLE.country_regions("US") == frozenset(US)
    assert TABLE.country_regions("de") == frozenset({"eu-central"})
    assert TABLE.country_regions("XX") == frozenset()


def test_every_cloud_region_lies_in_a_macro_region_of_its_country() -> None:
    path = files("aurora.domain").joinpath("tables", "cloud_regions.csv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))

    assert len(rows) > 200
    for row in rows:
        place = TABLE.place(row["region"])
        assert place.country == row["country"]
        assert place.regions <= TABLE.country_regions(row["country"])
        assert TABLE.macro(row["region"]) in place.regions


def test_latency_is_the_median_round_trip_and_the_worst_where_the_place_is_not_certain() -> None:
    assert TABLE.latency_ms("us-west", {"us-west"}) == 21.2
    assert TABLE.latency_ms("us-west", US) == 65.6
    assert TABLE.latency_ms("us-west", frozenset()) == 293.8
    assert TABLE.latency_ms("us-west", frozenset()) == max(TABLE.latency_ms("us-west", {m}) for m in MACROS)


def test_latency_from_nowhere_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        TABLE.latency_ms("atlantis", {"us-west"})
    with pytest.raises(InvalidRequest):
        TABLE.from_("atlantis")[frozenset({"us-west"})]


def test_remembered_round_trips_are_those_of_the_table() -> None:
    for places in (frozenset(US), frozenset[str](), frozenset(US)):
        assert TABLE.from_("us-west")[places] == TABLE.latency_ms("us-west", places)
