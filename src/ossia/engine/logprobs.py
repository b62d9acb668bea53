"""What the model itself expected: log probabilities, before any rule of sampling.

Temperature, penalties, bias and masks are the asker's doing; evaluation and research ask for the
model's own opinion, and so do OpenAI's API (which reports it at temperature 1) and vLLM's default.
"""

import numpy as np

from ossia.engine.request import Logprobs
from ossia.numerics.arrays import Float32


def logprobs_of(logits: Float32, token_id: int, num_top: int) -> Logprobs:
    """The log probability of a token, and the ``num_top`` likeliest, from logits [vocabulary].

    Exponentials are summed in float64 after the largest logit is taken off. Of equally likely
    tokens the one with the lower id comes first.
    """
    largest = float(logits.max())
    total = float(np.exp(logits - np.float32(largest)).sum(dtype=np.float64))
    shift = largest + float(np.log(total))
    num_top = min(num_top, logits.size)
    if num_top == 0:
        return Logprobs(float(logits[token_id]) - shift)
    least = np.partition(logits, -num_top)[-num_top]
    ids = np.flatnonzero(logits >= least)  # more than asked for where the last are equal
    ids = ids[np.argsort(-logits[ids], kind="stable")][:num_top]
    top = tuple((int(i), float(logits[i]) - shift) for i in ids)
    return Logprobs(float(logits[token_id]) - shift, top)
