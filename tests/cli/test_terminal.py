"""Lines broken between words, and text that cannot steer a terminal."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.cli.terminal import WordWrap, char_width, fitting, printable

pieces = st.lists(st.text("ab cd 가나다 漢字é́\n", max_size=12), max_size=12)


def wrapped(parts: list[str], width: int | None) -> str:
    wrap = WordWrap(lambda: width)
    return "".join([*map(wrap.feed, parts), wrap.finish()])


def columns(line: str) -> int:
    return sum(map(char_width, line))


@given(pieces, st.integers(4, 30))
def test_no_line_is_too_wide_and_nothing_is_lost(parts: list[str], width: int) -> None:
    text = wrapped(parts, width)
    assert all(columns(line) <= width for line in text.split("\n"))
    assert "".join(text.split()) == "".join("".join(parts).split())


@given(pieces, st.integers(4, 30))
def test_how_text_is_cut_into_pieces_changes_nothing(parts: list[str], width: int) -> None:
    assert wrapped(parts, width) == wrapped(["".join(parts)], width)


@given(pieces)
def test_a_pipe_has_no_width_and_changes_nothing(parts: list[str]) -> None:
    assert wrapped(parts, None) == "".join(parts)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("the quick brown fox", ["the quick", "brown fox"]),
        ("abcdefghijklmno", ["abcdefghij", "klmno"]),
        ("오늘 날씨가 좋다", ["오늘", "날씨가", "좋다"]),
        ("漢字漢字漢字", ["漢字漢字漢", "字"]),
        ("  indented", ["  indented"]),
        ("a\n\nb", ["a", "", "b"]),
        ("```\na = some_long_line(1)\n```\nthen words wrap", None),
    ],
)
def test_where_lines_break(text: str, lines: list[str] | None) -> None:
    expected = lines or ["```", "a = some_long_line(1)", "```", "then words", "wrap"]
    assert wrapped([text], 10).split("\n") == expected


@given(st.text())
def test_printable_text_has_no_controls(text: str) -> None:
    shown = printable(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown if c not in "\n\t")


def test_printable_leaves_text_alone() -> None:
    text = "한글 🙂 tab\tline\n"
    assert printable(text) == text
    assert printable("a\r\nb\x1b[31m") == "a\nb␛[31m"


@given(st.text("ab漢", min_size=2, max_size=20))
def test_width_adds_up(text: str) -> None:
    assert columns(text) == sum(columns(c) for c in text)
    assert all(a <= b for a, b in pairwise(columns(text[:n]) for n in range(len(text))))


@given(st.text("ab 가나漢é́", max_size=30), st.integers(0, 20))
def test_as_much_fits_as_there_are_columns(text: str, width: int) -> None:
    cut = fitting(text, width)
    assert text.startswith(cut)
    assert columns(cut) <= width
    if cut != text:
        assert columns(text[: len(cut) + 1]) > width
