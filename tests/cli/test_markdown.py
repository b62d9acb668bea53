"""Markdown in pieces: what it looks like, and that nothing of it is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.cli.markdown import Markdown
from ossia.cli.terminal import WordWrap, columns

BOLD, BOLD_OFF, CODE, CODE_OFF = "\x1b[1m", "\x1b[22m", "\x1b[36m", "\x1b[39m"
MARKED = st.text("ab1 가*`#|-\n", max_size=14)
TABLE = "| 도시 | temperature |\n|---|---:|\n| 서울 | **21** |\n| a \\| b | 3 |\n"


def styled(parts: list[str], width: int | None = 80) -> str:
    markdown = Markdown(lambda: width)
    return "".join([*map(markdown.feed, parts), markdown.finish()])


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@given(st.lists(MARKED, max_size=8))
def test_how_text_is_cut_into_pieces_changes_nothing(parts: list[str]) -> None:
    assert styled(parts) == styled(["".join(parts)])


@given(st.lists(MARKED, max_size=8))
def test_no_word_is_lost_and_no_style_stays(parts: list[str]) -> None:
    text = "".join(parts)
    shown = styled(parts)
    assert re.findall(r"\w", plain(shown)) == re.findall(r"\w", text) or "|" in text
    styles = re.findall(r"\x1b\[(\d+)m", shown)
    assert not styles or styles[-1] in ("0", "22", "39")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# A *title*\nb", f"{BOLD}A *title*{BOLD_OFF}\nb"),
        ("- one\n  * two\n3. three", "• one\n  • two\n3. three"),
        ("a **b c** d", f"a {BOLD}b c{BOLD_OFF} d"),
        ("use `x = 1` or ``a`b``", f"use {CODE}x = 1{CODE_OFF} or {CODE}a`b{CODE_OFF}"),
        ("2**100 and 3 ** 4 ** 5, **open", "2**100 and 3 ** 4 ** 5, **open"),
        (r"\(a_1 * b^2\), $x*y$ and #1", r"\(a_1 * b^2\), $x*y$ and #1"),
        ("-1 and *no*", "-1 and *no*"),
        ("| no table", "| no table"),
        ("```\n# **code**\n", "\x1b[2m```\x1b[22m\n# **code**\n"),
    ],
)
def test_what_is_styled(text: str, shown: str) -> None:
    assert styled(list(text)) == shown


def test_words_are_shown_before_their_line_is_over() -> None:
    markdown = Markdown(lambda: 80)
    assert markdown.feed("Well, this") == "Well, this"
    assert markdown.feed(" is **bo") == " is "
    assert markdown.feed("ld** so") == f"{BOLD}bold{BOLD_OFF} so"


def test_code_is_coloured_line_by_line_and_keeps_its_text() -> None:
    code = '\ndef f():\n    """Two\n    lines."""\n    return 1\n'
    shown = styled(list(f"```python\n{code}```\nafter"))
    assert plain(shown) == f"```python\n{code}```\nafter"
    inside = shown.split("\n")[4]
    assert "\x1b" in inside, "a line within a string of several lines"


def test_a_table_has_columns_of_what_is_as_wide() -> None:
    lines = plain(styled([*TABLE, "after"])).split("\n")
    assert lines == [
        "도시  │ temperature",
        "──────┼────────────",
        "서울  │ 21",
        "a | b │ 3",
        "after",
    ]


def test_a_table_too_wide_is_a_list_of_its_rows() -> None:
    shown = plain(styled([TABLE], width=18))
    assert shown == "도시: 서울\ntemperature: 21\n\n도시: a | b\ntemperature: 3\n"


@given(st.lists(MARKED, max_size=8))
def test_styles_take_no_room_where_lines_break(parts: list[str]) -> None:
    wrap = WordWrap(lambda: 12)
    shown = wrap.feed(styled(parts, 12)) + wrap.finish()
    if "```" not in "".join(parts):
        assert all(columns(line) <= 12 for line in shown.split("\n") if "─" not in line)
