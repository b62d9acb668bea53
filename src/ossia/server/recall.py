"""Reasoning that a client does not send back, remembered by the id of the call that it led to.

gpt-oss was trained to see, between its calls of tools, why it made them. Many clients drop it, for
OpenAI's Chat Completions has no field for it. What is remembered is bounded; the oldest goes first.
"""

from collections import OrderedDict

MAX_CHARACTERS = 16_000_000
"""Of all that is remembered: some thousand long chains of thought, at most 64 MB."""


class Recall:
    """Reasoning by call ids, which are random: who knows one was told it."""

    def __init__(self, max_characters: int = MAX_CHARACTERS) -> None:
        self._max = max_characters
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._num_characters = 0

    def keep(self, call_id: str, reasoning: str) -> None:
        """Remembers what led to a call."""
        self._forget(call_id)
        if reasoning:
            self._kept[call_id] = reasoning
            self._num_characters += len(call_id) + len(reasoning)
        while self._num_characters > self._max:
            self._forget(next(iter(self._kept)))

    def find(self, call_id: str) -> str | None:
        """What led to a call, if that is known still; being asked for keeps it longer."""
        if call_id in self._kept:
            self._kept.move_to_end(call_id)
        return self._kept.get(call_id)

    def _forget(self, call_id: str) -> None:
        reasoning = self._kept.pop(call_id, None)
        if reasoning is not None:
            self._num_characters -= len(call_id) + len(reasoning)
