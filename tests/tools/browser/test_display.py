"""Pages as the model was trained to read them."""

import pytest

from ossia.tools.browser.display import line_at, numbered_lines, shown, window_end, with_address

GOLDEN = """\
[3] A title (https://e.org/한글 page)
**viewing lines [0 - 5] of 5**

L0: 
L1: URL: https://e.org/%ED%95%9C%EA%B8%80%20page
L2: # Head
L3: 
L4: One two three four five six seven eight nine ten eleven twelve thirteen fourteen
L5:  fifteen."""  # noqa: W291 - blanks at the ends of lines are part of the form


def test_a_page_is_shown_as_trained() -> None:
    text = (
        "# Head\n\nOne two three four five six seven eight nine ten eleven twelve thirteen "
        "fourteen fifteen."
    )
    url = "https://e.org/%ED%95%9C%EA%B8%80%20page"
    lines = numbered_lines(with_address(url, text))
    assert shown(3, "A title", url, lines, 0, len(lines)) == GOLDEN


def test_a_page_without_an_address_has_none_in_its_header() -> None:
    assert (
        shown(0, "query", "", ["a", "b"], 1, 2)
        == "[0] query\n**viewing lines [1 - 1] of 1**\n\nL1: b"
    )


@pytest.mark.parametrize(
    "text", ["", "a", "a\n", "\n\n", "x" * 200, "가" * 81, "a  b " * 40, "\t x"]
)
def test_lines_joined_have_all_of_a_text(text: str) -> None:
    lines = numbered_lines(text)
    assert all(len(line) <= 80 for line in lines)
    assert "".join(lines).replace(" ", "") == text.expandtabs().replace("\n", "").replace(" ", "")
    assert len(lines) > text.count("\n")


def test_the_line_of_a_character_is_the_one_that_has_it() -> None:
    text = "\n".join(f"word{n} " * 30 for n in range(50))
    lines = numbered_lines(text)
    for number in (0, 7, 25, 49):
        assert f"word{number} " in lines[line_at(text, text.index(f"word{number} "))]


def test_a_window_fits_or_has_the_lines_that_were_asked_for() -> None:
    lines = ["x" * 76] * 100  # with its number a line is 81 or 82 bytes
    assert window_end(lines, 0, 0, 820) == 10
    assert window_end(lines, 95, 0, 820) == 100
    assert window_end(lines, 10, 30, 820) == 40
    assert window_end(lines, 90, 30, 820) == 100
    assert window_end(["가" * 80] * 9, 0, 0, 10) == 1, "one line at least"


def test_one_endless_word_takes_no_endless_time() -> None:
    assert len(numbered_lines("x" * 20_000_000)) == 250_000  # by the square it would be hours


def test_very_long_addresses_are_cut() -> None:
    assert len(shown(0, "t", "https://e.org/" + "a" * 5000, ["x"], 0, 1)) < 1200
