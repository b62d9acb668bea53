"""What of an answer is shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Display:
    """What of an answer is shown.

    Attributes:
        is_reasoning_shown: else there is only a word that the model reasons.
        is_verbose: also speed, seed, backend, and what was mended.
        is_reasoning_folded: it is one line that moves on, and then how long it took; only where the
            terminal can write a line over.
    """

    is_reasoning_shown: bool = True
    is_verbose: bool = False
    is_reasoning_folded: bool = False
