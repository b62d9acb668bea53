"""What the model itself expected: log probabilities, before any rule of sampling.

Temperature, penalties, bias and masks are the asker's doing; evaluation and research ask for the
model's own opinion, and so do OpenAI's API (which reports it at temperature 1) and vLLM's default.
"""

import math

import numpy as np

from ossia.engine.request import Logprobs
from ossia.engine.sampler import largest_ids
from ossia.numerics.arrays import Float32


def logprobs_of(logits: Float32, token_id: int, num_top: int) -> Logprobs:
    """The log probability of a token, and the ``num_top`` likeliest, from logits [vocabulary].

    Exponentials are summed in float64 after the largest logit is taken off. Of equally likely
    tokens the one with the lower id comes first. Logits that are no numbers, which only damaged
    weights give, have NaN for a log probability and no likeliest: ``sample`` reports them.
    """
    largest = logits.max()
    if not math.isfinite(largest):
        return Logprobs(math.nan)
    with np.errstate(over="ignore"):  # what is that far below the largest has no chance
        total = float(np.exp(logits - largest).sum(dtype=np.float64))
    shift = float(largest) + math.log(total)
    num_top = min(num_top, logits.size)
    ids = largest_ids(logits, num_top) if num_top else ()
    top = tuple((int(i), float(logits[i]) - shift) for i in ids)
    return Logprobs(float(logits[token_id]) - shift, top)
