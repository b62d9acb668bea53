"""Bodies as clients send them, and as nobody should."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from ossia.server.errors import RequestError
from ossia.server.exchange import MAX_DEPTH, read_json


def read(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return asyncio.run(read_json(Request({"type": "http", "headers": []}, receive)))


def nested(depth: int, first: str = "[", last: str = "]", middle: str = "") -> bytes:
    return (first * depth + middle + last * depth).encode()


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
)


@given(JSON, st.booleans())
def test_what_is_json_is_read_as_json_reads_it(document: Any, is_ascii: bool) -> None:
    text = json.dumps(document, ensure_ascii=is_ascii, allow_nan=False)
    assert read(text.encode()) == document


def test_a_byte_order_mark_is_no_part_of_it() -> None:
    assert read(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_a_long_body_is_read_all_the_same() -> None:
    document = {"a": ["한" * 1000] * 1000}
    assert read(json.dumps(document, ensure_ascii=False).encode()) == document


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(RequestError, match="not JSON") as caught:
        read('{"a": 1}'.encode(encoding))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a": 1,}', b"\xff", b'"\xed\xa0\x80"', b"nul", b"NaN", b"[Infinity]", b"\x00"],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError, match="not JSON") as caught:
        read(body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(("first", "last", "middle"), [("[", "]", ""), ('{"a":', "}", "1")])
def test_depth_has_an_end(first: str, last: str, middle: str) -> None:
    read(nested(MAX_DEPTH, first, last, middle))
    for depth in (MAX_DEPTH + 1, 900, 100_000):
        with pytest.raises(RequestError, match="nested more than") as caught:
            read(nested(depth, first, last, middle))
        assert (caught.value.status, caught.value.code) == (400, "too_deep")


def test_brackets_in_text_are_no_depth() -> None:
    assert read(json.dumps({"a": "[" * 10_000}).encode()) == {"a": "[" * 10_000}
