import importlib.util
import struct
import sys
import zlib
from pathlib import Path

import pytest

from .notebook import run


def png() -> bytes:
    """The smallest picture: one black point."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))
        )

    head = struct.pack("!IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"\0\0")), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_value_that_draws_itself_is_a_picture() -> None:
    code = f"class Dot:\n    def _repr_png_(self): return {png()!r}\ndisplay(Dot())\nDot()"
    (result,) = run(code)
    assert [picture.data for picture in result.pictures] == [png()] * 2
    assert result.pictures[0].media_type == "image/png"
    assert result.text == "[2 pictures shown to the user]"


def test_what_is_no_picture_is_shown_as_text() -> None:
    code = (
        "class Dot:\n    def _repr_png_(self): return b'<svg>'\n"
        "    def __repr__(self): return 'dot'"
    )
    assert run(code, "Dot()")[-1].text == "dot"


def test_open_figures_of_a_named_environment_are_pictures() -> None:
    if importlib.util.find_spec("matplotlib") is None or sys.prefix == sys.base_prefix:
        pytest.skip("no virtual environment with matplotlib runs this")
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.figure()\nNone"
    drawn, after = run(code, "1", venv=Path(sys.prefix))
    assert len(drawn.pictures) == 2, drawn.text
    assert all(picture.data.startswith(b"\x89PNG") for picture in drawn.pictures)
    assert drawn.text == "[2 pictures shown to the user]"
    assert not after.pictures
