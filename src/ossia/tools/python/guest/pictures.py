"""Pictures that a cell leaves behind: open figures of matplotlib, values that can draw themselves.

Imports nothing that the code has not imported itself.
"""

import io
import sys
from typing import Any

MAX_PICTURES = 8
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def of_figures() -> list[bytes]:
    """PNG files of the figures that are open in matplotlib, which are closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    pictures = []
    for number in pyplot.get_fignums()[:MAX_PICTURES]:
        file = io.BytesIO()
        pyplot.figure(number).savefig(file, format="png", bbox_inches="tight")
        pictures.append(file.getvalue())
    pyplot.close("all")
    return pictures


def of_value(value: Any) -> bytes | None:
    """The PNG file that a value makes of itself for notebooks; None where it makes none."""
    if isinstance(value, type):
        return None
    draw = getattr(value, "_repr_png_", None)
    picture = draw() if callable(draw) else None
    return picture if isinstance(picture, bytes) and picture.startswith(_SIGNATURE) else None
