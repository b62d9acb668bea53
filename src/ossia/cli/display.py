"""What of an answer is shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Display:
    """What of an answer is shown.

    Attributes:
        is_reasoning_shown: else there is only a word that the model reasons.
        is_verbose: also speed, seed, backend, and what was mended.
    """

    is_reasoning_shown: bool = True
    is_verbose: bool = False
