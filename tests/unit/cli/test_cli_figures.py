"""What people write and read: durations, tables that fit, commands to copy."""

from decimal import Decimal

import pytest

from aurora.cli.durations import gpu_hours, seconds_of, written
from aurora.cli.figures import age, cost, share, usd
from aurora.cli.layout import broken_command, fit, middle_cut
from aurora.cli.pages import Column
from aurora.cli.replay import unseen
from aurora.cli.screen import plain


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90m", 5400),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1d", 86400),
        ("1.5h", 5400),
        ("45s", 45),
        ("1H 30M", 5400),
    ],
)
def test_durations_are_read_as_people_write_them(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "0h", "-1h", "2x", "1h-3m", "1m1h", "1.2.3h"])
def test_what_is_no_duration_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="is not"):
        seconds_of(text)


def test_gpu_hours_are_the_time_on_every_gpu_and_never_less_than_asked_for():
    assert gpu_hours("90m", gpu_count=4) == Decimal(6)
    assert gpu_hours("20m", gpu_count=1) == Decimal("0.333334")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (5.3, "5.3 s"),
        (42, "42 s"),
        (310, "5 min 10 s"),
        (5400, "1 h 30 min"),
        (3600, "1 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_times_are_told_in_their_two_largest_units(seconds, text):
    assert written(seconds) == text


def test_no_data_is_a_dash_or_never_and_not_zero():
    assert [usd(None), cost(None), share(None), age(None)] == ["-", "-", "-", "never"]


def test_small_costs_keep_four_places_and_larger_ones_are_cents():
    assert [cost(Decimal("0.0042")), cost(Decimal("1234.5"))] == ["$0.0042", "$1,234.50"]


WIDE = (
    Column("Id"),
    Column("Name", shortest=6),
    Column("Nice", rank=1),
    Column("Nicer", rank=2),
)
ROWS = [["dep-1", "a name that is quite long", "nice to have", "nicer"], ["dep-2", "b", "-", "-"]]


def test_with_room_enough_every_column_has_its_own_width():
    assert [(one.index, one.width) for one in fit(WIDE, ROWS, 200)] == [(0, 5), (1, 25), (2, 12), (3, 5)]


def test_a_narrow_screen_loses_the_columns_that_matter_least_and_then_cuts_texts():
    assert [(one.index, one.width) for one in fit(WIDE, ROWS, 30)] == [(0, 5), (1, 9), (2, 12)]
    assert [(one.index, one.width) for one in fit(WIDE, ROWS, 20)] == [(0, 5), (1, 13)]


def test_a_column_for_which_nobody_has_a_value_is_not_shown():
    assert [one.index for one in fit(WIDE, [["dep-1", "a", "-", ""]], 200)] == [0, 1]


def test_even_a_screen_that_is_too_narrow_for_everything_is_not_overrun():
    assert sum(one.width for one in fit((Column("Identifier"),), [["x" * 50]], 12)) <= 12


def test_ids_are_cut_in_the_middle():
    assert middle_cut("akash:akash1vzzrq6pl.h100.80Gi", 16) == "akash:akas….80Gi"


def test_a_command_is_broken_only_where_the_shell_does_not_mind():
    command = (
        """curl -sS -H "Authorization: Bearer $KEY" -w '%{http_code} and more' http://127.0.0.1:9100/vastai"""
    )

    lines = broken_command(command, 40)

    assert all(line.endswith(" \\") for line in lines[:-1])
    assert " ".join(line.removesuffix(" \\").strip() for line in lines) == command
    assert any('"Authorization: Bearer $KEY"' in line for line in lines)


def test_what_a_provider_writes_cannot_command_the_terminal():
    assert plain("bad\x1b[2J\x07 name\nnext") == "bad [2J  name\nnext"
    assert plain("two\nlines", one_line=True) == "two lines"


@pytest.mark.parametrize(
    ("shown", "again", "new", "gap"),
    [
        ([], ["a"], ["a"], False),
        (["a", "b"], ["a", "b", "c"], ["c"], False),
        (["b"], ["a", "b", "c"], ["c"], False),
        (["a", "b", "c"], ["b", "c", "d"], ["d"], False),
        (["a", "b"], ["a", "b"], [], False),
        (["a", "b"], ["x", "y"], ["x", "y"], True),
        (["a", "b"], [], [], False),
        ([".", ".", "a", "."], [".", "a", ".", "b"], ["b"], False),
    ],
)
def test_of_a_log_that_is_read_again_only_the_new_lines_are_shown(shown, again, new, gap):
    assert unseen(shown, again) == (new, gap)
