"""Harmony's envelope around one answer, with the breaker of loops in its reasoning.

It is what the engine asks (``engine.constraint``); the rules are ``harmony``'s.
"""

from collections.abc import Sequence

from ossia.chat.loops import LoopDetector
from ossia.engine.constraint import Mask
from ossia.harmony.envelope import Envelope


class AnswerConstraint:
    """The constraint of one answer.

    Attributes:
        num_loops: loops in the reasoning that were broken.
    """

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._detector = LoopDetector()
        self.num_loops = 0

    @property
    def is_ready(self) -> bool:
        """Whether ``mask`` and ``forced`` answer at once."""
        return self._envelope.is_ready

    def mask(self) -> Mask:
        """The tokens that may come next."""
        return self._envelope.mask()

    def forced(self) -> Sequence[int]:
        """The tokens that must come next. None is text of the reasoning, so none is in a loop."""
        return self._envelope.forced()

    def accept(self, token_id: int) -> None:
        """The token that was chosen; one that closes a loop is the last of the reasoning."""
        was_reasoning = self._envelope.is_reasoning
        self._envelope.accept(token_id)
        is_text = was_reasoning and self._envelope.is_reasoning
        if is_text and self._detector.feed(token_id):
            self._envelope.end_reasoning()
            self._detector = LoopDetector()
            self.num_loops += 1
