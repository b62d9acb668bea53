import pytest

from ossia.tools.python.guest.printed import Printed, shortened


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_both_ends_are_kept_however_it_comes(size: int) -> None:
    printed = Printed(100)
    data = b"".join(b"%04d\n" % number for number in range(1000))
    for start in range(0, len(data), size):
        printed.add(data[start : start + size])
    text = printed.take()
    assert text.startswith(data[:50].decode() + "\n[4,900 bytes are left out]\n")
    assert text.endswith(data[-50:].decode())
    assert printed.take() == ""


def test_what_is_short_stays_whole() -> None:
    printed = Printed(100)
    printed.add(b"a" * 60)
    printed.add(b"b" * 40)
    assert printed.take() == "a" * 60 + "b" * 40
    printed.add(b"\xff\xc3")
    assert printed.take() == "\ufffd\ufffd"


def test_a_long_text_keeps_both_ends() -> None:
    assert shortened("a" * 1000, 1000) == "a" * 1000
    text = shortened("a" * 3000 + "b" * 3000, 1000)
    assert text == "a" * 500 + "\n[5,000 characters are left out]\n" + "b" * 500
