"""Who runs in a step, and with how many tokens.

Whoever makes tokens already goes first, one token each; what is left of a step goes to prompts, in
pieces. Those who wait come in by priority, then by the client that was served least, then first
come first served (virtual token counters: Sheng et al., OSDI 2024). When pages run out the newest
gives up its own and computes them again later. Knows sequences and the KV cache; computes nothing.
"""

import math
from collections import Counter
from dataclasses import dataclass

from ossia.base.errors import BusyError
from ossia.engine.kv_cache import KVCache
from ossia.engine.pace import Pace
from ossia.engine.request import Sequence
from ossia.ops.arrays import PAGE_SIZE

SCORED_AT_ONCE = 32
"""Prompt tokens a step whose logits are all wanted: each takes a row of the whole vocabulary."""


@dataclass(frozen=True, eq=False)
class Scheduled:
    """What one sequence does in a step: its next ``num_tokens`` pending tokens are run."""

    sequence: Sequence
    num_tokens: int

    @property
    def drafts(self) -> tuple[int, ...]:
        """Tokens run after those, to see whether they would come."""
        return self.sequence.drafts

    @property
    def num_rows(self) -> int:
        """Tokens in the batch."""
        return self.num_tokens + len(self.drafts)


class Scheduler:
    """The sequences under way.

    Args:
        max_running: sequences that hold pages at the same time.
        max_waiting: sequences that may wait for that.

    Attributes:
        running: those that hold pages, in the order in which they came in.
        waiting: the others.
        served: tokens computed for each client that has something under way, or was served more
            than those who have.
        num_preempted: how often one had to give up its pages.
    """

    def __init__(self, cache: KVCache, pace: Pace, max_running: int, max_waiting: int) -> None:
        self.running: list[Sequence] = []
        self.waiting: list[Sequence] = []
        self.served: Counter[str] = Counter()
        self.num_preempted = 0
        self._cache, self._pace = cache, pace
        self._max_running, self._max_waiting = max_running, max_waiting

    def add(self, sequence: Sequence) -> None:
        """Queues a sequence.

        Raises:
            BusyError: too many wait already.
        """
        if len(self.waiting) >= self._max_waiting:
            raise BusyError(
                f"{len(self.waiting)} requests wait already, which is the most that are taken; "
                "try again in a while"
            )
        client, active = sequence.request.client, self._active()
        if client not in active:  # it goes first, and has saved up nothing while it was away
            least = min((self.served[other] for other in active), default=0)
            self.served[client] = max(self.served[client], least - 1)
        self.waiting.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Forgets a sequence, at whatever point it is, and frees its pages."""
        if sequence in self.waiting:
            self.waiting.remove(sequence)
        if sequence in self.running:
            self.running.remove(sequence)
            self._cache.release(sequence)
        self._forget_served()

    def schedule(self) -> list[Scheduled]:
        """Whose tokens are run now; their pages have room for them."""
        if self.waiting:
            self._admit()
        chosen: dict[Sequence, int] = {}
        able = [
            sequence
            for sequence in self.running
            if not sequence.is_paused and sequence.logits is None and sequence.finish is None
        ]
        decoding = [sequence for sequence in able if sequence.is_decoding]
        for sequence in sorted(decoding, key=_seniority):
            self._choose(sequence, sequence.num_pending, chosen)
        budget = self._pace.prompt_tokens(len(chosen))
        for sequence in sorted((s for s in able if not s.is_decoding), key=self._turn):
            most = SCORED_AT_ONCE if sequence.request.score_prompt else budget
            num_tokens = min(sequence.num_pending, budget, most)
            if num_tokens > 0 and self._choose(sequence, num_tokens, chosen):
                budget -= num_tokens
        for sequence, num_tokens in chosen.items():
            self.served[sequence.request.client] += num_tokens
        return [Scheduled(sequence, num_tokens) for sequence, num_tokens in chosen.items()]

    def _choose(self, sequence: Sequence, num_tokens: int, chosen: dict[Sequence, int]) -> bool:
        """Runs a sequence in this step, if need be at the cost of newer ones, or of itself."""
        if sequence not in self.running:  # it was preempted a moment ago
            return False
        while not self._cache.grow(sequence, sequence.num_stored + num_tokens):
            victim = self._victim(sequence)
            chosen.pop(victim, None)
            self._preempt(victim)
            if victim is sequence:
                return False
        chosen[sequence] = num_tokens
        return True

    def _victim(self, sequence: Sequence) -> Sequence:
        """Who gives up its pages for a sequence: who makes nothing for now, or else the newest."""
        others = [other for other in self.running if other is not sequence]
        if paused := [other for other in others if other.is_paused]:
            return max(paused, key=_seniority)
        return max(self.running, key=_seniority)

    def _preempt(self, sequence: Sequence) -> None:
        """What it has computed is known until the room is needed; its tokens stay its own."""
        self.running.remove(sequence)
        self._cache.release(sequence)
        sequence.logits, sequence.drafts = None, ()
        self.waiting.append(sequence)
        self.num_preempted += 1

    def _admit(self) -> None:
        """Lets in who waits, in turn, while there is room."""
        for sequence in sorted(self.waiting, key=self._turn):
            is_over = sequence.finish is not None
            if is_over or sequence.is_paused or self._is_computed_by_another(sequence):
                continue
            if len(self.running) < self._max_running and self._cache.restore(sequence):
                continue  # it is read from disk, some pages a step
            if not self._make_room(sequence):
                break
            self.waiting.remove(sequence)
            self.running.append(sequence)
            if sequence.num_cached is None:
                sequence.num_cached = sequence.num_stored

    def _make_room(self, sequence: Sequence) -> bool:
        """Gives a newcomer what is known of it, and sees to it that the rest can be stored."""
        while True:
            if len(self.running) < self._max_running:
                self._cache.begin(sequence)
                if not self.running or self._cache.has_room(sequence, spare=len(self.running)):
                    return True
                self._cache.release(sequence)
            victims = [
                other
                for other in self.running
                if other.is_paused or other.request.priority < sequence.request.priority
            ]
            if not victims or not self._cache.could_have_room(sequence, victims):
                return False
            self._preempt(max(victims, key=lambda each: (each.is_paused, *_seniority(each))))

    def _is_computed_by_another(self, sequence: Sequence) -> bool:
        """Whether somebody computes its beginning just now, so that waiting is quicker."""
        request, ids = sequence.request, sequence.token_ids
        if request.score_prompt or sequence.num_output:
            return False
        leaders = [
            leader
            for leader in self.running
            if leader.num_stored < leader.num_prompt
            and not leader.is_paused
            and leader.request.priority >= request.priority
            and leader.token_ids[:PAGE_SIZE] == ids[:PAGE_SIZE]
        ]
        if not leaders:
            return False
        num_known = self._cache.num_known(sequence)
        return any(num_known < _to_be_known(leader, ids) for leader in leaders)

    def _active(self) -> set[str]:
        """The clients that have something under way."""
        return {sequence.request.client for sequence in (*self.running, *self.waiting)}

    def _forget_served(self) -> None:
        """Forgets clients that are away, once they would come back with nothing to their debit."""
        active = self._active()
        least = min((self.served[client] for client in active), default=math.inf)
        for client in set(self.served) - active:
            if self.served[client] < least:
                del self.served[client]

    def _turn(self, sequence: Sequence) -> tuple[int, bool, int, int]:
        """Sorts by whose turn it is; who ran already goes before who did not."""
        request = sequence.request
        return (
            -request.priority,
            sequence.num_output == 0,
            self.served[request.client],
            sequence.arrival,
        )


def _seniority(sequence: Sequence) -> tuple[int, int]:
    """Sorts the oldest of the highest priority first."""
    return -sequence.request.priority, sequence.arrival


def _to_be_known(leader: Sequence, token_ids: list[int]) -> int:
    """Tokens of a prompt that will be known once a leader has computed more of its own."""
    num_common = _common(leader.token_ids[: leader.num_prompt], token_ids)
    num_usable = min(num_common, len(token_ids) - 1)
    whole = (place // PAGE_SIZE * PAGE_SIZE for place in leader.boundaries)
    return max((n for n in whole if leader.num_stored < n <= num_usable), default=0)


def _common(one: list[int], other: list[int]) -> int:
    """How many items two lists have in common at their beginning, to a whole page."""
    low, high = 0, min(len(one), len(other)) // PAGE_SIZE
    while low < high:
        middle = (low + high + 1) // 2
        part = slice(low * PAGE_SIZE, middle * PAGE_SIZE)
        if one[part] == other[part]:
            low = middle
        else:
            high = middle - 1
    return low * PAGE_SIZE
