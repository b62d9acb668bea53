"""Citations: told from text however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.chat.citations import CitationReader, Mark

MARK = Mark("【3†L12-L15】", 3, 12, 15)


def read(pieces: list[str]) -> list[str | Mark]:
    """Parts with text joined."""
    reader, parts = CitationReader(), []
    for piece in pieces:
        parts += reader.feed(piece)
    joined: list[str | Mark] = []
    for part in [*parts, reader.finish()]:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part:
            joined.append(part)
    return joined


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("so【3†L12-L15】.", ["so", MARK, "."]),
        ("【0†L7】【3†L12-L15】", [Mark("【0†L7】", 0, 7, 7), MARK]),
        ("【3†L12-L15", ["【3†L12-L15"]),
        ("【【3†L12-L15】", ["【", MARK]),
        ("【한국】 text", ["【한국】 text"]),
        ("【3†source】", ["【3†source】"]),
    ],
)
def test_parts(text: str, parts: list[str | Mark]) -> None:
    assert read([text]) == parts
    assert read(list(text)) == parts


@given(
    st.lists(st.sampled_from(["【", "3", "†", "L", "1", "-", "】", "a"]), max_size=30), st.data()
)
def test_no_character_is_lost_and_no_cut_matters(letters: list[str], data) -> None:
    text = "".join(letters)
    size = data.draw(st.integers(1, 5))
    parts = read([text[i : i + size] for i in range(0, len(text), size)])
    assert "".join(p.text if isinstance(p, Mark) else p for p in parts) == text
    assert parts == read([text])
