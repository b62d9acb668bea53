"""Stop strings: found however the text is cut, and never given out."""

from hypothesis import given
from hypothesis import strategies as st

from ossia.chat.stops import StopStrings

texts = st.text("abc", max_size=30)


@given(texts, st.lists(st.text("abc", min_size=1, max_size=4), max_size=3), st.data())
def test_any_cut_gives_the_text_before_the_first_that_is_whole(text, strings, data) -> None:
    stops = StopStrings(strings)
    out, rest = "", text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        out += stops.feed(rest[:size])
        rest = rest[size:]
    out += stops.finish()
    ends = [(text.find(s) + len(s), text.find(s), s) for s in strings if s in text]
    expected = min(ends, default=(0, len(text), None))
    assert (out, stops.found) == (text[: expected[1]], expected[2])


@given(texts, st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=3))
def test_nothing_of_a_stop_string_is_given_out_before_it_is_whole(text, strings) -> None:
    stops = StopStrings(strings)
    out = seen = ""
    for letter in text:
        out, seen = out + stops.feed(letter), seen + letter
        begun = [n for s in strings for n in range(1, len(s)) if seen.endswith(s[:n])]
        assert stops.found or len(out) <= len(seen) - max(begun, default=0)


def test_nothing_comes_after_it() -> None:
    stops = StopStrings(["END"])
    assert [stops.feed(piece) for piece in ("one E", "N", "D two", "three")] == ["one ", "", "", ""]
    assert stops.finish() == ""


def test_what_was_no_stop_string_comes_in_the_end() -> None:
    stops = StopStrings(["END"])
    assert stops.feed("the EN") == "the "
    assert stops.finish() == "EN"
    assert stops.found is None
