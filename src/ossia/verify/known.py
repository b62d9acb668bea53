"""Continuations of the released models, and of nano, that others computed.

``known_gpt_oss.json`` was recorded by transformers' own tests on the released weights, and
``known_nano.json``, in the same form, by transformers on nano
(``tests/golden/verify/make.py``). Knows texts;
does not compute.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ossia import hub

NUM_COMPARED = 15
"""Tokens of a continuation that must agree: later ones may differ by rounding alone."""


@dataclass(frozen=True)
class Known:
    """How a model goes on, each time with its likeliest token.

    Attributes:
        continuations: by prompt, which is plain text without the chat format.
    """

    name: str
    continuations: dict[str, str]


def known_of(model: hub.Model) -> Known | None:
    """What is known of a model; None of one that is not surely a released one.

    The shape tells nothing, for fine-tunes have it too: it must have come by its name from the
    hub, or be the one inside the package.
    """
    name = "nano" if model.place is hub.Place.PACKAGE else str(model.on_hub)
    return _all_known().get(name)


def _all_known() -> dict[str, Known]:
    known: dict[str, Known] = {}
    for file in ("known_gpt_oss.json", "known_nano.json"):
        document = json.loads((Path(__file__).parent / file).read_text(encoding="utf-8"))
        known |= {name: Known(name, told) for name, told in document.items() if name != "source"}
    return known
