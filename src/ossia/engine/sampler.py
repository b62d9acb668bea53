"""From logits to one token, the same for the same seed whatever else is being computed.

The random number of a token depends on the request's seed and the token's position alone
(a counter-based generator, Philox: Salmon et al., SC 2011), so neither batch nor chunking moves it.
"""

import math
from dataclasses import dataclass

import numpy as np

from ossia.base.errors import CheckpointError, InputError
from ossia.numerics.arrays import Float32


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
    with np.errstate(over="ignore"):  # a tiny temperature sends all but the likeliest to -inf
        scaled = (logits.astype(np.float64) - logits[likeliest]) / sampling.temperature
    kept: np.ndarray | None = None  # ids that may still be chosen; None is all of them
    if 0 < sampling.top_k < logits.size:
        kept = np.argpartition(scaled, -sampling.top_k)[-sampling.top_k :]
    if sampling.min_p > 0:
        floor = math.log(sampling.min_p)  # the likeliest is at 0
        kept = np.flatnonzero(scaled >= floor) if kept is None else kept[scaled[kept] >= floor]
    if sampling.top_p < 1:
        kept = _nucleus(scaled, kept, sampling.top_p)
    candidates = scaled if kept is None else scaled[kept]
    choice = _draw(_softmax(candidates), _uniform(sampling.seed, position))
    return choice if kept is None else int(kept[choice])


def _nucleus(scaled: np.ndarray, kept: np.ndarray | None, top_p: float) -> np.ndarray:
    """The fewest likeliest ids whose probabilities, after earlier filters, reach ``top_p``."""
    ids = np.arange(scaled.size) if kept is None else kept
    probabilities = _softmax(scaled[ids])
    order = np.argsort(-probabilities, kind="stable")
    reached = np.cumsum(probabilities[order])
    return ids[order[: int(np.searchsorted(reached, top_p)) + 1]]


def _softmax(scaled: np.ndarray) -> np.ndarray:
    """Of logits whose highest is 0: nothing overflows."""
    weights = np.exp(scaled)
    probabilities: np.ndarray = weights / weights.sum()
    return probabilities


def _uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that only the seed and the position decide."""
    return float(np.random.Generator(np.random.Philox(key=seed, counter=position)).random())


def _draw(probabilities: np.ndarray, uniform: float) -> int:
    """The index whose stretch of the cumulative distribution holds ``uniform``."""
    cumulative = np.cumsum(probabilities)
    # The last sum may round below 1: scaling by it keeps every draw inside.
    return int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))
