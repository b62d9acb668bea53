"""Guesses at the next tokens from the conversation itself, and how many are worth running.

Who quotes a document, edits a file or fills a table writes what stands there already. So where a
sequence's last tokens occurred before, those that followed then are its drafts (prompt look-up;
matches are found as LZ77 finds them, by chains of places that begin alike). A step runs drafts
beside the last token; the engine samples each as if it were alone and keeps them as long as they
agree, so drafts change how long it takes and nothing else. Knows token ids and seconds; neither
the model nor who samples. docs/ideas/speculation.md has the why and the figures.
"""

import math
from array import array

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

MAX_DRAFTS = 31
"""Most tokens drafted for one sequence in a step."""

MAX_DRAFTED = 64
"""Most tokens drafted in a step for all: each takes a row of the whole vocabulary."""

SHORTEST_MATCH, LONGEST_MATCH = 2, 32
"""Tokens that must have occurred before, and how many are compared at most."""

_NUM_CANDIDATES = 32  # earlier places that are compared, latest first
_NUM_BUCKETS = 65_521  # a prime
_LEARN_CHANCE = 0.06  # weight of the last draft among those with as long a match
_LEAST_CHANCE = 0.05  # drafts less likely are not worth the row


class Drafter:
    """What may come next in one sequence, and how likely.

    It learns from every token how good its guess would have been, whether that was run or not, so
    finding out costs nothing. Beside the tokens it holds 260 KB and 4 bytes a token; nothing
    before the first ``look``.

    Args:
        token_ids: the sequence's own list, prompt and output, which grows at its end only.
    """

    def __init__(self, token_ids: list[int]) -> None:
        self._token_ids = token_ids
        self._latest = array("i")  # [buckets], where a pair of tokens ended last; 0 is nowhere
        self._before = array("i", [0] * SHORTEST_MATCH)  # [tokens + 1], where it did before that
        # [lengths], that a match so long goes on; to begin with, about what prose and code gave
        self._chances = [1 - 1.4 / max(length, 2) for length in range(LONGEST_MATCH + 1)]
        self._num_seen = 0
        self._source, self._length = 0, 0  # after which place the last tokens' like goes on

    def look(self) -> None:
        """Takes in what came since the last look, and finds what may come next."""
        self._learn()
        self._index()
        self._num_seen = len(self._token_ids)
        self._find()

    def chances(self, most: int) -> list[float]:
        """For each of up to ``most`` drafts, that it comes and so do all before it."""
        found: list[float] = []
        chance = 1.0 if self._length else 0.0
        for length in range(self._length, self._length + min(most, MAX_DRAFTS)):
            chance *= self._chances[min(length, LONGEST_MATCH)]
            if chance < _LEAST_CHANCE:
                break
            found.append(chance)
        return found

    def draft(self, num_tokens: int) -> tuple[int, ...]:
        """The next tokens as they followed the match; where it overlaps them, its own go on."""
        if not self._length:
            return ()
        following = self._token_ids[self._source : self._source + num_tokens]
        return tuple(following[place % len(following)] for place in range(num_tokens))

    def _learn(self) -> None:
        """Compares what came with what was expected."""
        if not self._length:
            return
        ids, came = self._token_ids, self._token_ids[self._num_seen :]
        for place, token_id in enumerate(came):
            length = min(self._length + place, LONGEST_MATCH)
            is_hit = token_id == ids[self._source + place]
            self._chances[length] += _LEARN_CHANCE * (is_hit - self._chances[length])
            if not is_hit:
                return

    def _index(self) -> None:
        """Chains each new pair of tokens to where the same pair ended before."""
        ids, latest, before = self._token_ids, self._latest, self._before
        if not latest:
            latest.extend([0] * _NUM_BUCKETS)
        for end in range(len(before), len(ids) + 1):
            bucket = (ids[end - 2] * 1_000_003 + ids[end - 1]) % _NUM_BUCKETS
            before.append(latest[bucket])
            latest[bucket] = end

    def _find(self) -> None:
        """The longest match of the last tokens; of several the latest."""
        ids, end = self._token_ids, len(self._token_ids)
        self._source, self._length = 0, 0
        if end < SHORTEST_MATCH:
            return
        place, best = self._before[end], SHORTEST_MATCH - 1
        for _ in range(_NUM_CANDIDATES):
            if place <= best:  # too near the beginning, as all before it are
                break
            if ids[place - 1 - best] == ids[end - 1 - best]:
                length = _num_equal(ids, place, end)
                if length > best:
                    self._source, self._length, best = place, length, length
                if length >= LONGEST_MATCH:
                    break
            place = self._before[place]


def _num_equal(ids: list[int], place: int, end: int) -> int:
    """How many tokens before two places are the same."""
    most = min(place, LONGEST_MATCH)
    for length in range(most):
        if ids[place - 1 - length] != ids[end - 1 - length]:
            return length
    return most


_NUM_JOINTS = 9  # of the curve, at 1, 2, 4 ... 256 rows
_PRIOR_DOUBLING = 0.42  # logarithm: a step of twice the rows takes 1.5 times as long, to begin with
_LEARN_LEVEL, _LEARN_SHAPE = 0.1, 0.3  # weights of the last step
_FORGET_SHAPE = 0.0005
_MOST_SURPRISE = math.log(2)  # a step that took longer still is the neighbours' doing


class StepTime:
    """How a step's time grows with its rows, from the steps there were.

    A curve with joints at powers of two, both axes logarithmic. A surprise moves all of it a little
    (the machine is slower than it was) and more from the step's rows on (so many rows cost more
    than was thought). What is not measured again is forgotten slowly, in favour of a guess at which
    drafts are tried: a size that was slow once gets another chance.
    """

    def __init__(self) -> None:
        self._curve: list[float] = []  # [joints], logarithms of seconds; empty before any step

    def record(self, num_rows: int, seconds: float) -> None:
        """Learns from a step of so many rows that took so long."""
        place = min(math.log2(num_rows), _NUM_JOINTS - 1)
        measured = math.log(max(seconds, 1e-9))
        if not self._curve:
            self._curve = [
                measured + _PRIOR_DOUBLING * (joint - place) for joint in range(_NUM_JOINTS)
            ]
            return
        curve, below = self._curve, min(int(place), _NUM_JOINTS - 2)
        expected = curve[below] + (place - below) * (curve[below + 1] - curve[below])
        surprise = max(-_MOST_SURPRISE, min(measured - expected, _MOST_SURPRISE))
        for joint in range(_NUM_JOINTS):
            is_above = max(0.0, min(joint - place + 1, 1.0))  # in part, for the joint just below
            curve[joint] += surprise * (_LEARN_LEVEL + _LEARN_SHAPE * is_above)
            prior = curve[0] + _PRIOR_DOUBLING * joint
            curve[joint] += _FORGET_SHAPE * (prior - curve[joint])

    def relative(self, num_rows: Float64) -> Float64:
        """Times of steps of so many rows [sizes], as multiples of the first of them."""
        curve = self._curve or [_PRIOR_DOUBLING * joint for joint in range(_NUM_JOINTS)]
        rising = np.maximum.accumulate(curve)  # more rows never take less
        logarithms = np.interp(np.log2(num_rows), np.arange(_NUM_JOINTS), rising)
        return np.asarray(np.exp(logarithms - logarithms[0]))


_LEAST_GAIN = 1.05  # what drafts must promise before they are run; less is as likely noise
_MOST_STRETCH = 2.5  # times as long a step may take, where somebody in it gains less than that


class Speculation:
    """How many drafts a step runs, so that the most tokens are made in a second."""

    def __init__(self) -> None:
        self._time = StepTime()

    def record(self, num_rows: int, seconds: float) -> None:
        """Learns from a step without prompt tokens: its rows, drafts among them, and its time."""
        self._time.record(num_rows, seconds)

    def draft(self, asked: list[tuple[Drafter, int]], num_rows: int) -> list[tuple[int, ...]]:
        """Drafts for each sequence asked for; none where they would not pay.

        Args:
            asked: each sequence's drafter, and the most tokens that it has room for.
            num_rows: those of the step without drafts, at least one for each sequence that makes
                tokens in it, asked for or not.
        """
        for drafter, _ in asked:
            drafter.look()
        each = [drafter.chances(most) for drafter, most in asked]
        if not any(each):
            return [()] * len(asked)
        chances = np.asarray([chance for found in each for chance in found])  # [drafts]
        owners = np.repeat(np.arange(len(asked)), [len(found) for found in each])  # [drafts]
        likeliest = np.argsort(-chances, kind="stable")[:MAX_DRAFTED]
        is_shared = num_rows > sum(1 + sum(found) >= _MOST_STRETCH for found in each)
        num_chosen = self._num_drafts(chances[likeliest], num_rows, is_shared)
        counts = np.bincount(owners[likeliest[:num_chosen]], minlength=len(asked))
        return [drafter.draft(int(n)) for (drafter, _), n in zip(asked, counts, strict=True)]

    def _num_drafts(self, chances: Float64, num_rows: int, is_shared: bool) -> int:
        """How many of the likeliest drafts make the most tokens a second.

        Where it is shared with those who gain little, the step may not become too long.
        """
        num_tokens = num_rows + np.concatenate([[0.0], np.cumsum(chances)])  # [drafts + 1]
        times = self._time.relative(num_rows + np.arange(len(num_tokens), dtype=np.float64))
        gains = num_tokens / times / num_rows
        if is_shared:
            gains[times > _MOST_STRETCH] = 0
        best = int(np.argmax(gains))
        return best if gains[best] >= _LEAST_GAIN else 0
