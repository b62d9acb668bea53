import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.tools.python.guest.frames import MAX_FIELDS, BrokenFrame, Inbox, pack

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(st.tuples(st.dictionaries(st.text(), VALUES), st.binary())), st.integers(1, 99))
def test_frames_come_whole_however_they_are_cut(
    frames: list[tuple[dict[str, object], bytes]], size: int
) -> None:
    data = b"".join(pack(fields, body) for fields, body in frames)
    inbox, found = Inbox(1 << 20), []
    for start in range(0, len(data), size):
        inbox.feed(data[start : start + size])
        while frame := inbox.take():
            found.append(frame)
    assert found == frames


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!II", MAX_FIELDS + 1, 0),
        struct.pack("!II", 2, 1001) + b"{}",
        b"\xff" * 8,
        struct.pack("!II", 0, 0),
        struct.pack("!II", 2, 0) + b"[]",
        struct.pack("!II", 2, 0) + b"\xff\xff",
        struct.pack("!II", 50_000, 0) + b"[" * 50_000,
        struct.pack("!II", 9_000, 0) + b"1" * 9_000,
    ],
)
def test_what_is_no_frame_is_refused_before_it_is_stored(data: bytes) -> None:
    inbox = Inbox(1000)
    inbox.feed(data)
    with pytest.raises(BrokenFrame):
        inbox.take()


@given(st.binary(min_size=8, max_size=200))
def test_any_bytes_are_a_frame_or_refused(data: bytes) -> None:
    inbox = Inbox(1000)
    inbox.feed(data)
    try:
        frame = inbox.take()
    except BrokenFrame:
        return
    assert frame is None or isinstance(frame[0], dict)


def test_half_of_a_letter_pair_is_sent_as_a_sign_for_it() -> None:
    inbox = Inbox(0)
    inbox.feed(pack({"a": "\ud800"}))
    assert inbox.take() == ({"a": "?"}, b"")
    assert json.loads('"\\ud800"') == "\ud800"  # how such text comes about
