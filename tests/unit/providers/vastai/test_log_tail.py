from hypothesis import given
from hypothesis import strategies as st

from aurora.providers.vastai.log_tail import LONGEST_LINE, Tail, lines_of, overlap


def slow_overlap(shown, fresh):
    return max(k for k in range(min(len(shown), len(fresh)) + 1) if k == 0 or shown[-k:] == fresh[:k])


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_the_overlap_is_the_longest_one(shown, fresh):
    assert overlap(shown, fresh) == slow_overlap(shown, fresh)


@given(st.lists(st.integers(0, 10**9), unique=True, max_size=60), st.integers(3, 20), st.data())
def test_distinct_lines_are_followed_without_loss_or_repeat_while_windows_overlap(numbers, window, data):
    lines = [f"line {number}" for number in numbers]
    tail, found, end = Tail(window), [], min(2, len(lines))

    while True:
        text = "".join(f"{line}\n" for line in lines[max(0, end - window) : end])
        found += [line.text for line in tail.more(text)]
        if end == len(lines):
            break
        end = min(len(lines), end + data.draw(st.integers(1, window - 2)))

    assert found == lines


def test_lines_are_cut_at_their_longest_and_line_ends_of_all_kinds_are_taken_off():
    assert lines_of("a\r\nb\n" + "x" * 10_000) == ["a", "b", "x" * LONGEST_LINE]
    assert lines_of("") == []
    assert lines_of("\n") == [""]


def followed(*texts):
    tail = Tail(10)
    return [[line.text for line in tail.more(text)] for text in texts] + [[line.text for line in tail.rest()]]


def test_a_line_that_does_not_change_is_not_held_back_for_ever():
    assert followed("a\nend", "a\nend", "a\nend") == [["a"], ["end"], [], []]


def test_a_line_that_was_given_without_its_end_is_not_given_again_with_it():
    assert followed("a\nend", "a\nend", "a\nend\nb\n", "a\nend\nb\nc\n") == [["a"], ["end"], ["b"], ["c"], []]


def test_a_line_that_grows_after_all_is_given_whole():
    assert followed("a\nen", "a\nen", "a\nend", "a\nend\n") == [["a"], ["en"], [], ["end"], []]


def test_what_was_held_back_comes_at_the_end():
    tail = Tail(10)
    tail.more("a\nend")

    assert [line.text for line in tail.rest()] == ["end"]


def test_an_empty_read_forgets_nothing():
    tail = Tail(10)
    tail.more("a\n")

    assert tail.more("") == []
    assert [line.text for line in tail.more("a\nb\n")] == ["b"]
