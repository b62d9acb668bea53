"""How much one key may ask for: so many requests at once, and so many a minute.

Knows keys and time; does not know what is asked.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable

from ossia.server.keys import Key

SECOND = 10**9
MINUTE = 60 * SECOND


class Limits:
    """What is under way, and what was asked in the last minute, of each key.

    Args:
        clock: nanoseconds, from wherever: whole, so that who waits as told is let in.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._num_open: defaultdict[str, int] = defaultdict(int)
        self._begun: defaultdict[str, deque[int]] = defaultdict(deque)

    def enter(self, key: Key) -> int:
        """Takes a request, which ``leave`` ends; or tells in how many seconds one is taken.

        Returns:
            0 where the request was taken.
        """
        now, begun = self._clock(), self._begun[key.name]
        while begun and begun[0] <= now - MINUTE:
            begun.popleft()
        if key.per_minute is not None and len(begun) >= key.per_minute:
            left = begun[-key.per_minute] + MINUTE - now  # above 0: it is of the last minute
            return -(-left // SECOND)
        if key.at_once is not None and self._num_open[key.name] >= key.at_once:
            return 1
        if key.per_minute is not None:
            begun.append(now)
        self._num_open[key.name] += 1
        return 0

    def leave(self, key: Key) -> None:
        """A request that was taken is over."""
        self._num_open[key.name] -= 1
        if not self._num_open[key.name]:
            del self._num_open[key.name]
