"""From logits to one token, the same for the same seed whatever else is being computed.

The random number of a token depends on the request's seed and the token's position alone
(a counter-based generator, Philox: Salmon et al., SC 2011), so neither batch nor chunking moves it.
"""

import math
from dataclasses import dataclass

import numpy as np

from ossia.base.errors import CheckpointError, InputError
from ossia.numerics.arrays import Float32

_RUN = 512
"""Weights that are summed together before one of them is looked for."""

_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. The defaults are the model card's; each no-op costs nothing.

    Attributes:
        temperature: 0 takes the likeliest token; 1 samples from the model as trained.
        top_p: keeps the likeliest tokens until they hold this share of the probability; 1 is off.
        top_k: keeps this many of the likeliest tokens; 0 is off.
        min_p: drops tokens less likely than this share of the likeliest one; 0 is off.
        seed: start of the random sequence.

    Raises:
        InputError: a value is out of its range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        in_range = {
            "temperature must be at least 0": 0 <= self.temperature < math.inf,
            "top_p must be above 0 and at most 1": 0 < self.top_p <= 1,
            "top_k must be at least 0": self.top_k >= 0,
            "min_p must be between 0 and 1": 0 <= self.min_p <= 1,
            "seed must be between 0 and 2**64 - 1": 0 <= self.seed < 2**64,
        }
        for rule, holds in in_range.items():
            if not holds:
                value = getattr(self, rule.split()[0])
                raise InputError(f"{rule}; it is {value}")


def sample(logits: Float32, sampling: Sampling, position: int) -> int:
    """Chooses a token id from logits [vocabulary] for the given position of the sequence.

    Raises:
        CheckpointError: no logit is a number, so the weights must be damaged.
    """
    likeliest = int(np.argmax(logits))
    if not math.isfinite(logits[likeliest]):  # argmax stops at a NaN, if there is one
        raise CheckpointError(
            "the model computes logits that are no numbers: its weights are damaged or of "
            "another architecture; fetch or convert the checkpoint again"
        )
    if sampling.temperature == 0:
        return likeliest
    with np.errstate(over="ignore", under="ignore"):  # a tiny temperature leaves the likeliest
        weights = logits - logits[likeliest]  # [vocabulary]
        if sampling.temperature != 1:
            weights /= np.float32(max(sampling.temperature, 1e-30))
        np.exp(weights, out=weights)  # the likeliest's is 1
    kept: np.ndarray | None = None  # ids that may still be chosen; None is all of them
    if 0 < sampling.top_k < logits.size:
        kept = np.argpartition(logits, -sampling.top_k)[-sampling.top_k :]
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
    ids = np.arange(weights.size) if kept is None else kept
    candidates = weights[ids]
    wanted = top_p * candidates.sum(dtype=np.float64)
    floor = 1 / 16
    while True:
        above = np.flatnonzero(candidates >= floor) if floor > _SMALLEST else np.arange(ids.size)
        if above.size == ids.size or candidates[above].sum(dtype=np.float64) >= wanted:
            break
        floor /= 16
    order = above[np.argsort(-candidates[above], kind="stable")]
    reached = np.cumsum(candidates[order], dtype=np.float64)
    return ids[order[: int(np.searchsorted(reached, wanted)) + 1]]


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
