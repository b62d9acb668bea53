"""Sorts messages into kinds: answers are values of a type, many at once.

$ python examples/values.py
4 messages, 4 of a known kind
"""

import sys
from dataclasses import dataclass
from typing import Literal

import ossia

MESSAGES = [
    "The parcel never came.",
    "Thank you, that was quick!",
    "Can I change my address?",
    "It arrived broken.",
]


@dataclass
class Sorted:
    """What kind of message it is."""

    kind: Literal["complaint", "praise", "question"]


def main(name: str = "nano") -> None:
    """Sort with a model, by name or path."""
    with ossia.load(name) as model:
        replies = model.batch(MESSAGES, schema=Sorted, reasoning_limit=0, seed=1)
    kinds = [reply.parsed.kind for reply in replies if isinstance(reply, ossia.Reply)]
    print(f"{len(MESSAGES)} messages, {len(kinds)} of a known kind")


if __name__ == "__main__":
    main(*sys.argv[1:])
