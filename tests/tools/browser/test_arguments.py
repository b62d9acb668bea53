"""What models send as arguments: as trained, nearly so, and senseless."""

from typing import Any

import pytest

from ossia.base.errors import InputError
from ossia.tools.browser.arguments import Find, Open, Search, read_call


@pytest.mark.parametrize(
    ("name", "text", "asked"),
    [
        ("search", '{"query": "a b"}', Search("a b", 10, None)),
        ("search", '{"query": "a", "topn": 5, "source": "news"}', Search("a", 5, "news")),
        ("search", '{"query": "a", "top_n": "5"}', Search("a", 5, None)),
        ("search", '{"query": ["a", "b"]}', Search("a b", 10, None)),
        ("search", '{"q": 42}', Search("42", 10, None)),
        ("search", "a bare query", Search("a bare query", 10, None)),
        ("search", '"quoted"', Search("quoted", 10, None)),
        ("search", '```json\n{"query": "a"}\n```', Search("a", 10, None)),
        ("search", '{"query": "a", "topn": null, "more": {}}', Search("a", 10, None)),
        ("open", '{"id": 3}', Open(3, None, None, 0, False)),
        ("open", '{"id": "3"}', Open(3, None, None, 0, False)),
        ("open", '{"id": 3.0, "cursor": 2}', Open(3, 2, None, 0, False)),
        ("open", '{"id": "【3†title†host】"}', Open(3, None, None, 0, False)),
        ("open", '{"id": "https://e.org/"}', Open("https://e.org/", None, None, 0, False)),
        ("open", '{"url": "https://e.org/"}', Open("https://e.org/", None, None, 0, False)),
        ("open", "https://e.org/", Open("https://e.org/", None, None, 0, False)),
        ("open", "5", Open(5, None, None, 0, False)),
        ("open", '{"id": -1, "cursor": -1, "loc": -1, "num_lines": -1}',
         Open(None, None, None, 0, False)),
        ("open", "{}", Open(None, None, None, 0, False)),
        ("open", "", Open(None, None, None, 0, False)),
        ("open", '{"cursor": "[2]", "loc": "L40", "num_lines": 20}', Open(None, 2, 40, 20, False)),
        ("open", '{"id": 1, "view_source": true}', Open(1, None, None, 0, True)),
        ("find", '{"pattern": "a", "cursor": 1}', Find("a", 1)),
        ("find", '{"pattern": 1987}', Find("1987", None)),
        ("find", '{"query": "a"}', Find("a", None)),
    ],
)  # fmt: skip
def test_what_is_meant_is_read(name: str, text: str, asked: Any) -> None:
    assert read_call(f"browser.{name}", text) == asked


@pytest.mark.parametrize(
    ("recipient", "text", "message"),
    [
        ("browser.click", "{}", "there are browser.search"),
        ("browser", "{}", "there are browser.search"),
        ("browser.search", "{}", "names no query"),
        ("browser.search", '{"query": "  "}', "names no query"),
        ("browser.search", '{"query": null}', "names no query"),
        ("browser.search", '{"query": "a"', "no JSON"),
        ("browser.search", "[1]", "a list"),
        ("browser.search", '{"query": "a", "topn": "many"}', "expected a number"),
        ("browser.search", '{"query": "a", "topn": true}', "expected a number"),
        ("browser.open", '{"id": {"a": 1}}', "expected a number"),
        ("browser.open", '{"cursor": NaN}', "expected a number"),
        ("browser.open", '{"loc": 1.5}', "expected a number"),
        ("browser.find", "", "names no pattern"),
        ("browser.find", "[" * 100_000, "no JSON"),
    ],
)
def test_what_makes_no_sense_says_what_was_expected(
    recipient: str, text: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_call(recipient, text)


def test_numbers_without_end_are_bounded() -> None:
    assert read_call("browser.open", '{"loc": 1' + "0" * 400 + "}") == Open(
        None, None, 10**9, 0, False
    )
    with pytest.raises(InputError, match="expected a number"):
        read_call("browser.open", '{"id": 1e400}')
