"""The numbers: what a model computes against what is known, and against itself.

Every backend promises that a token's logits depend on its own text alone: neither how a prompt is
cut, nor which pages hold it, may change a bit. That is checked past each border at which code takes
another path: the window (128 tokens), the original context (4,096). Then the backend is held
against the reference, which is the definition of correct.
"""

import time
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ossia.numerics.arrays import Float32
from ossia.tokenizer import Tokenizer
from ossia.verify.checks import Check, Checking, Outcome, Progress, passed_if
from ossia.verify.known import NUM_COMPARED, Known
from ossia.verify.passage import MAX_CHUNK, Loaded, Passage

NUM_STEPS = 48
PAST_WINDOW = (7, 64, 129, 100)
PAST_ORIGINAL = (352,) * 11 + (340, 4, 1, 1, 1, 1)
"""Lengths of the chunks in which a prompt is fed the second time, pages recycled."""

LARGEST_KL = 0.1
"""Nats between the reference and another backend, on average. Seen: 0.002 on nano, 0.04 on random
weights of the 20b shape, where everything is nearly a tie; a wrong kernel gives several."""

SECONDS_OF_REFERENCE = 30.0
SECONDS_OF_PROMPT = 600.0


def check_known(model: Loaded, tokenizer: Tokenizer, known: Known) -> Checking:
    """Continues prompts greedily, one token after the other."""
    name = "known continuations"
    wrong, start, num_done = [], time.monotonic(), 0
    num_all = NUM_COMPARED * len(known.continuations)
    for prompt, expected in known.continuations.items():
        token_ids = tokenizer.encode(prompt)
        passage = Passage(model, len(token_ids) + NUM_COMPARED)
        logits = passage.feed(token_ids)
        made: list[int] = []
        while len(made) < NUM_COMPARED:
            made.append(int(logits[0].argmax()))
            logits = passage.feed(made[-1:])
            num_done += 1
            yield Progress(name, num_done, num_all, "tokens", time.monotonic() - start)
        text = tokenizer.decode(made)
        if not expected.startswith(text):
            wrong.append(f"after {prompt!r} came {text!r} instead of {expected!r}")
    figure = f"{len(known.continuations)} of {known.name}, {NUM_COMPARED} tokens each: the same"
    return Check(name, passed_if(not wrong), "; ".join(wrong) or figure)


def check_steps(model: Loaded, token_ids: Sequence[int]) -> Checking:
    """A short prompt at once, then token by token: logits at every position."""
    name = "token by token"
    at_once = Passage(model, len(token_ids)).feed(token_ids, range(len(token_ids)))
    passage = Passage(model, len(token_ids), is_recycling=True)
    start, largest = time.monotonic(), 0.0
    for position, token_id in enumerate(token_ids):
        found = passage.feed([token_id])
        largest = max(largest, _difference(found[0], at_once[position]))
        yield Progress(name, position + 1, len(token_ids), "tokens", time.monotonic() - start)
    return _same_bits(name, len(token_ids), largest)


def check_chunks(
    name: str, model: Loaded, token_ids: Sequence[int], chunks: Sequence[int]
) -> Checking:
    """A prompt in the largest chunks, then in others with recycled pages: logits at their ends."""
    ends = list(accumulate(chunks))
    assert ends[-1] == len(token_ids)
    start, num_all = time.monotonic(), 2 * len(token_ids)
    logits: list[list[Float32]] = []
    whole = [MAX_CHUNK] * (len(token_ids) // MAX_CHUNK)
    whole += [rest] if (rest := len(token_ids) % MAX_CHUNK) else []
    for lengths, is_recycling in ((whole, False), (chunks, True)):
        passage = Passage(model, len(token_ids), is_recycling=is_recycling)
        rows: list[Float32] = []
        logits.append(rows)
        for length in lengths:
            first = passage.num_stored
            wanted = [end - 1 - first for end in ends if first < end <= first + length]
            rows.extend(passage.feed(token_ids[first : first + length], wanted))
            num_done = passage.num_stored + (len(token_ids) if is_recycling else 0)
            yield Progress(name, num_done, num_all, "tokens", time.monotonic() - start)
    largest = max(map(_difference, *logits))
    return _same_bits(name, len(ends), largest, f"{len(token_ids):,} tokens, ")


def check_backends(model: Loaded, reference: Loaded, token_ids: Sequence[int]) -> Checking:
    """As many tokens as the reference computes in ``SECONDS_OF_REFERENCE``, but four at least."""
    name = f"{model.backend.name} against {reference.backend.name}"
    passages = [Passage(each, len(token_ids)) for each in (reference, model)]
    start = time.monotonic()
    exact: list[NDArray[np.float64]] = []
    found: list[NDArray[np.float64]] = []
    for num_done, token_id in enumerate(token_ids, start=1):
        for passage, rows in zip(passages, (exact, found), strict=True):
            rows.append(_log_softmax(passage.feed([token_id])[0]))
        seconds = time.monotonic() - start
        yield Progress(name, num_done, len(token_ids), "tokens", seconds)
        if seconds > SECONDS_OF_REFERENCE and num_done >= 4:
            break
    pairs = list(zip(exact, found, strict=True))
    kl = float(np.mean([(np.exp(p) * (p - q)).sum() for p, q in pairs]))
    num_same = sum(p.argmax() == q.argmax() for p, q in pairs)
    figure = (
        f"{len(pairs)} tokens, mean KL {kl:.4f} (up to {LARGEST_KL}); the same likeliest token at "
        f"{num_same}"
    )
    return Check(name, passed_if(kl <= LARGEST_KL), figure)  # of NaN this is false


def too_long(name: str, seconds: float) -> Checking:
    """The check that would take so long, not run."""
    yield from ()
    return Check(
        name, Outcome.NOT_RUN, f"it would take {seconds / 60:.0f} minutes here; --long runs it"
    )


def _same_bits(name: str, num_positions: int, largest: float, of: str = "") -> Check:
    figure = f"{of}{num_positions} positions compared: "
    figure += "the same bits" if largest == 0 else f"logits differ by up to {largest:.3g}"
    return Check(name, passed_if(largest == 0), figure)


def _difference(found: Float32, expected: Float32) -> float:
    """The largest between two rows of logits; infinite where one is no number."""
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return float("inf")
    return float(np.abs(found - expected).max())


def _log_softmax(logits: Float32) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max()
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return result
