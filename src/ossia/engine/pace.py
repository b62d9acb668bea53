"""How many prompt tokens a step may compute while others wait for their next token.

A step with a piece of a prompt takes longer than one without. How much longer depends on machine
and model, so it is measured: the piece grows and shrinks until such a step takes about
``STRETCH`` times a quiet one. Tokens are the same whatever the pieces are.
"""

from dataclasses import dataclass, field

from ossia.engine.memory import PREFILL_CHUNK

STRETCH = 2.5
"""What those who wait put up with: the time between tokens, in quiet steps."""

_LEAST = 16
"""Tokens that a prompt goes on by in any case: fewer would read the same weights for less."""

_FIRST = 64
_GROW, _SHRINK, _TOLERANCE = 1.15, 0.8, 0.15
_MEMORY = 0.8  # of what was measured before, when something new is


@dataclass
class Pace:
    """What was measured so far.

    Attributes:
        quiet_seconds: of a step of decoding alone, by how many decoded (a power of two).
    """

    quiet_seconds: dict[int, float] = field(default_factory=dict)
    _piece: float = _FIRST

    def prompt_tokens(self, num_decoding: int) -> int:
        """The most prompt tokens for a step in which so many sequences decode."""
        return int(self._piece) if num_decoding else PREFILL_CHUNK

    def record(self, num_decoding: int, num_prompt: int, seconds: float) -> None:
        """Learns from a step in which so many decoded and so many prompt tokens were computed."""
        kind = num_decoding.bit_length()
        quiet = self.quiet_seconds.get(kind)
        if num_decoding and not num_prompt:
            before = seconds if quiet is None else quiet
            self.quiet_seconds[kind] = _MEMORY * before + (1 - _MEMORY) * seconds
        elif num_decoding and quiet is not None:
            stretch = seconds / quiet / STRETCH
            if stretch > 1 + _TOLERANCE:
                self._piece = max(_LEAST, self._piece * _SHRINK)
            elif stretch < 1 - _TOLERANCE and num_prompt >= int(self._piece):
                self._piece = min(PREFILL_CHUNK, self._piece * _GROW)
