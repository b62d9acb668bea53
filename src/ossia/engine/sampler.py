"""From logits to one token, the same for the same seed whatever else is being computed.

The random number of a token depends on the request's seed and the token's position alone
(a counter-based generator, Philox: Salmon et al., SC 2011), so neither batch nor chunking moves it.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ossia.base.errors import CheckpointError, InputError, OssiaError
from ossia.numerics.arrays import Float32

_RUN = 512
"""Neighbours of which one sum, or one maximum, is taken before any of them is looked at."""

_MOST_BIAS = 100.0
"""A logit's bias is at most that; as much below zero forbids the token (OpenAI's API)."""

_SMALLEST = float(np.finfo(np.float32).tiny)
_HIGHEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. The defaults are the model card's; each no-op costs nothing.

    In this order: bias, penalties, what a constraint allows, temperature, top_k, min_p, top_p.
    It is vLLM's order; transformers puts top_p before min_p, which may keep more where both are on.
    Both also keep what equals the last of top_k, where ossia keeps as many as were asked for.

    Attributes:
        temperature: 0 takes the likeliest token; 1 samples from the model as trained.
        top_p: keeps the likeliest tokens until they hold this share of the probability; 1 is off.
        top_k: keeps this many of the likeliest tokens; 0 is off.
        min_p: drops tokens less likely than this share of the likeliest one; 0 is off.
        seed: start of the random sequence.
        repetition_penalty: divides the logits above 0 of tokens that stand in the prompt or the
            answer, and multiplies those below (CTRL: Keskar et al., 2019); 1 is off.
        presence_penalty: taken off the logits of tokens that stand in the answer; 0 is off.
        frequency_penalty: the same, times how often they do (both: OpenAI's API).
        logit_bias: token ids, each once, with what is added to their logits; -100 forbids one.

    Raises:
        InputError: a value is out of its range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int = 0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        in_range = {
            "temperature must be at least 0": 0 <= self.temperature < math.inf,
            "top_p must be above 0 and at most 1": 0 < self.top_p <= 1,
            "top_k must be at least 0, a whole number": _is_whole(self.top_k) and self.top_k >= 0,
            "min_p must be between 0 and 1": 0 <= self.min_p <= 1,
            "seed must be between 0 and 2**64 - 1, a whole number": (
                _is_whole(self.seed) and 0 <= self.seed < 2**64
            ),
            "repetition_penalty must be above 0": 0 < self.repetition_penalty < math.inf,
            "presence_penalty must be between -2 and 2": -2 <= self.presence_penalty <= 2,
            "frequency_penalty must be between -2 and 2": -2 <= self.frequency_penalty <= 2,
        }
        for rule, holds in in_range.items():
            if not holds:
                value = getattr(self, rule.split()[0])
                raise InputError(f"{rule}; it is {value}")
        _check_bias(self.logit_bias)

    @cached_property
    def has_penalties(self) -> bool:
        """Whether it matters what stands there already."""
        penalties = (self.repetition_penalty - 1, self.presence_penalty, self.frequency_penalty)
        return any(penalties)

    @cached_property
    def biases(self) -> tuple[NDArray[np.intp], Float32, NDArray[np.intp]]:
        """``logit_bias`` as ids, what is added to each, and the ids that are forbidden."""
        added = [(i, bias) for i, bias in self.logit_bias if bias != -_MOST_BIAS]
        forbidden = [i for i, bias in self.logit_bias if bias == -_MOST_BIAS]
        return (
            np.array([i for i, _ in added], np.intp),
            np.array([bias for _, bias in added], np.float32),
            np.array(forbidden, np.intp),
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer)


def _check_bias(pairs: object) -> None:
    expected = "logit_bias takes a tuple of pairs: a token id from 0, a number from -100 to 100"
    if not isinstance(pairs, tuple):
        raise InputError(f"{expected}; it is a {type(pairs).__name__}")
    for pair in pairs:
        match pair:
            case (int() | np.integer() as token_id, int() | float() | np.floating() as bias) if (
                isinstance(pair, tuple) and token_id >= 0 and -_MOST_BIAS <= bias <= _MOST_BIAS
            ):
                continue
        raise InputError(f"{expected}; it has {pair!r:.60}")
    if len({token_id for token_id, _ in pairs}) < len(pairs):
        twice, _ = Counter(token_id for token_id, _ in pairs).most_common(1)[0]
        raise InputError(f"logit_bias names the token id {twice} twice")


class History:
    """What penalties count: which tokens stand in a sequence, and how often the answer has each.

    The prompt counts for the repetition penalty alone, as in vLLM and, for the other two, in
    OpenAI's API: text that was given is no sign that the model repeats itself.
    """

    def __init__(self, prompt_ids: Iterable[int]) -> None:
        self.seen = set(prompt_ids)
        self.made: Counter[int] = Counter()

    def add(self, token_id: int) -> None:
        """One more token of the answer."""
        self.seen.add(token_id)
        self.made[token_id] += 1


def sample(
    logits: Float32,
    sampling: Sampling,
    position: int,
    history: History | None = None,
    allowed: NDArray[np.intp] | None = None,
) -> int:
    """Chooses a token id from logits [vocabulary], which stay as they are.

    Args:
        position: of the token in its sequence; with the seed it decides the random number.
        history: what stands there already; must be given where there are penalties.
        allowed: the ids that may come, ascending; None is all.

    Raises:
        CheckpointError: no logit is a number, so the weights must be damaged.
        OssiaError: the bias forbids all that may come.
        ValueError: penalties without a history.
    """
    if history is None and sampling.has_penalties:
        raise ValueError("penalties need the history of the sequence")
    likeliest = int(np.argmax(logits))
    if not math.isfinite(logits[likeliest]):  # argmax stops at a NaN, if there is one
        raise CheckpointError(
            "the model computes logits that are no numbers: its weights are damaged or of "
            "another architecture; fetch or convert the checkpoint again"
        )
    if not sampling.logit_bias and history is None and allowed is None:
        return _choose(logits, likeliest, sampling, position)
    if sampling.logit_bias or history is not None:
        logits = _adjusted(logits, sampling, history)
    candidates = logits if allowed is None else logits[allowed]
    likeliest = int(np.argmax(candidates))
    if candidates[likeliest] == -math.inf:
        raise OssiaError("no token may come next: logit_bias forbids all that are allowed here")
    choice = _choose(candidates, likeliest, sampling, position)
    return choice if allowed is None else int(allowed[choice])


def _adjusted(logits: Float32, sampling: Sampling, history: History | None) -> Float32:
    """Logits [vocabulary] with bias and penalties, a copy."""
    logits = logits.copy()
    ids, added, forbidden = sampling.biases
    logits[ids] += added
    if history is not None:
        _penalise(logits, sampling, history)
    logits[forbidden] = -np.inf  # last, so that nothing lifts them again
    return logits


def _penalise(logits: Float32, sampling: Sampling, history: History) -> None:
    """Applies the penalties to logits [vocabulary] in place. They stay numbers, however extreme."""
    penalty = sampling.repetition_penalty
    if penalty != 1:
        ids = np.fromiter(history.seen, np.intp, len(history.seen))
        seen = logits[ids].astype(np.float64)
        with np.errstate(over="ignore"):
            seen = np.where(seen > 0, seen / penalty, seen * penalty)
        logits[ids] = np.clip(seen, -_HIGHEST, _HIGHEST)
    if (sampling.presence_penalty or sampling.frequency_penalty) and history.made:
        ids = np.fromiter(history.made.keys(), np.intp, len(history.made))
        counts = np.fromiter(history.made.values(), np.float64, len(history.made))
        penalties = sampling.presence_penalty + sampling.frequency_penalty * counts
        logits[ids] -= penalties.astype(np.float32)


def _choose(logits: Float32, likeliest: int, sampling: Sampling, position: int) -> int:
    """The index of one of the logits [candidates], whose largest is at ``likeliest``."""
    if sampling.temperature == 0:
        return likeliest
    with np.errstate(over="ignore", under="ignore"):  # a tiny temperature leaves the likeliest
        weights = logits - logits[likeliest]  # [candidates]
        if sampling.temperature != 1:
            weights /= np.float32(min(max(sampling.temperature, 1e-30), 1e30))
        np.exp(weights, out=weights)  # the likeliest's is 1
    kept: np.ndarray | None = None  # ids that may still be chosen; None is all of them
    if 0 < sampling.top_k < logits.size:
        # In the order of ids: argpartition's own differs from processor to processor.
        kept = np.sort(largest_ids(logits, sampling.top_k))
    if sampling.min_p > 0:
        floor = np.float32(sampling.min_p)
        kept = np.flatnonzero(weights >= floor) if kept is None else kept[weights[kept] >= floor]
    if sampling.top_p < 1:
        kept = _nucleus(weights, kept, sampling.top_p)
    candidates = weights if kept is None else weights[kept]
    choice = _draw(candidates, _uniform(sampling.seed, position))
    return choice if kept is None else int(kept[choice])


def _nucleus(weights: Float32, kept: np.ndarray | None, top_p: float) -> np.ndarray:
    """The fewest likeliest ids whose probabilities, after earlier filters, reach ``top_p``.

    Only those above a floor are sorted; the floor sinks until they suffice.
    """
    candidates = weights if kept is None else weights[kept]
    wanted = top_p * candidates.sum(dtype=np.float64)
    floor = 1 / 16
    while True:
        above = np.flatnonzero(candidates >= (floor if floor > _SMALLEST else 0))
        likely = candidates[above]
        if above.size == candidates.size or likely.sum(dtype=np.float64) >= wanted:
            break
        floor /= 16
    order = _descending(likely)
    reached = np.cumsum(likely[order], dtype=np.float64)
    nucleus = above[order[: int(np.searchsorted(reached, wanted)) + 1]]
    return nucleus if kept is None else kept[nucleus]


def _descending(weights: Float32) -> NDArray[np.intp]:
    """The order that sorts weights, none below 0, largest first; equal ones stay as they were.

    The bits of such floats are ordered as whole numbers are, and NumPy's stable sort of 16-bit
    numbers is a radix sort: two of them take a fifth of the time of a stable sort of floats.
    """
    keys = ~weights.view(np.uint32)
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    return order[np.argsort((keys >> 16).astype(np.uint16)[order], kind="stable")]


def _uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that only the seed and the position decide."""
    return float(np.random.Generator(np.random.Philox(key=seed, counter=position)).random())


def _draw(weights: Float32, uniform: float) -> int:
    """The index whose stretch of the cumulative weights holds ``uniform``'s share of them all.

    First a run of ``_RUN`` weights is found by the runs' sums, then the index within it.
    """
    whole = weights.size // _RUN * _RUN
    sums = weights[:whole].reshape(-1, _RUN).sum(axis=1)  # float32 in pairs: exact enough
    reached = np.cumsum(np.append(sums, weights[whole:].sum()), dtype=np.float64)
    target = min(uniform * reached[-1], math.nextafter(reached[-1], 0.0))
    run = int(np.searchsorted(reached, target, side="right"))  # its sum is above 0
    within = np.cumsum(weights[run * _RUN : (run + 1) * _RUN], dtype=np.float64)
    rest = target - (reached[run - 1] if run else 0.0)
    # The two sums may round apart: what is left must fall inside the run.
    rest = min(max(rest, 0.0), math.nextafter(within[-1], 0.0))
    return run * _RUN + int(np.searchsorted(within, rest, side="right"))


def largest_ids(logits: Float32, count: int) -> NDArray[np.intp]:
    """Ids of the ``count`` largest logits, largest first; of equal ones the lower id first.

    At least ``count`` logits reach the count-th largest of the runs' maxima, and few more do: those
    alone are sorted. ``count`` is from 1 to the number of logits, which are not NaN.
    """
    maxima = logits[: logits.size // _RUN * _RUN].reshape(-1, _RUN).max(axis=1)
    among = maxima if count <= maxima.size else logits
    ids = np.flatnonzero(logits >= np.partition(among, -count)[-count])
    return ids[np.argsort(-logits[ids], kind="stable")[:count]]
