"""How many prompt tokens a step may compute while others wait for their next token.

A step with a piece of a prompt takes longer than one without. How much longer depends on machine
and model, so it is measured: the piece grows and shrinks until such a step takes about
``STRETCH`` times a quiet one. Where even a small piece takes longer (one conversation reads few
experts, any piece reads nearly all), quiet steps follow until the time between tokens is that on
average. Tokens are the same whatever the pieces are.
"""

from dataclasses import dataclass, field

from ossia.engine.memory import PREFILL_CHUNK

STRETCH = 2.5
"""What those who wait put up with: the mean time between tokens, in quiet steps."""

_LEAST = 32
"""Tokens of a small piece: fewer would read the same weights for less."""

_FIRST = 64
_GROW, _SHRINK, _TOLERANCE = 1.15, 0.8, 0.15
_MEMORY = 0.8  # of what was measured before, when something new is


@dataclass
class Pace:
    """What was measured so far.

    Attributes:
        quiet_seconds: of a step of decoding alone, by how many decoded (a power of two).
        owed_seconds: by which those who wait were held up beyond what they put up with; below zero
            what they could still be.
    """

    quiet_seconds: dict[int, float] = field(default_factory=dict)
    owed_seconds: float = 0.0
    _piece: float = _FIRST

    def prompt_tokens(self, num_decoding: int) -> int:
        """The most prompt tokens for a step in which so many sequences decode."""
        if num_decoding == 0:
            return PREFILL_CHUNK
        return 0 if self.owed_seconds > 0 else int(self._piece)

    def record(self, num_decoding: int, num_prompt: int, seconds: float) -> None:
        """Learns from a step in which so many decoded and so many prompt tokens were computed."""
        seconds = max(seconds, 1e-9)  # of a clock that stood still
        kind = num_decoding.bit_length()
        quiet = self.quiet_seconds.get(kind)
        if num_decoding == 0:
            self.owed_seconds = 0.0
        elif not num_prompt:
            quiet = _MEMORY * (quiet or seconds) + (1 - _MEMORY) * seconds
            self.quiet_seconds[kind] = quiet
            # A little may be paid in advance, or every step beyond the mean would cost a quiet one.
            least = -STRETCH * quiet
            self.owed_seconds = max(least, self.owed_seconds + seconds - STRETCH * quiet)
        elif quiet is not None:
            self.owed_seconds += seconds - STRETCH * quiet
            self._adapt(seconds / quiet / STRETCH, num_prompt)

    def _adapt(self, stretch: float, num_prompt: int) -> None:
        """Makes pieces smaller or larger after a step that took ``stretch`` of what it may."""
        if stretch > 1 + _TOLERANCE:
            self._piece = max(_LEAST, self._piece * _SHRINK)
        elif stretch < 1 - _TOLERANCE and num_prompt >= int(self._piece):
            self._piece = min(PREFILL_CHUNK, self._piece * _GROW)
