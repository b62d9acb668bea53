"""When a chain of thought goes in circles.

The rule: the latest tokens are one run of tokens over and over, exactly, at least six times whole
and at least 300 tokens in all; the run has at most 1,024. Fewer may be meant (a table, a list of
zeros); a model that has written that much of the same writes it for ever.
"""

import numpy as np

MIN_REPEATS = 6
MIN_TOKENS = 300
MAX_RUN = 1024


class LoopDetector:
    """Watches tokens go by."""

    def __init__(self) -> None:
        self._latest = np.full(MAX_RUN, -1, np.int64)  # the newest first
        self._num_same = np.zeros(MAX_RUN, np.int64)  # tokens equal to the one a run earlier
        run = np.arange(1, MAX_RUN + 1)
        self._enough = np.maximum((MIN_REPEATS - 1) * run, MIN_TOKENS - run)

    def feed(self, token_id: int) -> bool:
        """Whether this token completes a loop."""
        self._num_same += 1
        self._num_same[self._latest != token_id] = 0
        self._latest[1:] = self._latest[:-1]
        self._latest[0] = token_id
        return bool((self._num_same >= self._enough).any())
