"""Penalties, bias and filters, beside transformers' processors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.base.errors import InputError, OssiaError
from ossia.engine.sampler import History, Sampling, sample

VOCABULARY = 64


def logits_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, VOCABULARY).astype(np.float32)


def history_of(prompt: list[int], made: list[int]) -> History:
    history = History(prompt)
    for token_id in made:
        history.add(token_id)
    return history


def drawn(logits, sampling: Sampling, history=None, allowed=None, count: int = 3000):
    """How often each token comes."""
    before = logits.tobytes()
    ids = [sample(logits, sampling, place, history, allowed) for place in range(count)]
    assert logits.tobytes() == before, "logits are somebody else's"
    return np.bincount(ids, minlength=VOCABULARY) / count


def softmax(logits) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


ids = st.lists(st.integers(0, VOCABULARY - 1), max_size=12)


@pytest.mark.oracle
@given(
    st.integers(0, 9),
    ids.filter(bool),
    ids,
    st.sampled_from([1.0, 1.3, 0.8]),
    st.sampled_from([1.0, 0.5, 1.7]),
    st.sampled_from([0, 1, 5, 20]),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([1.0, 0.9, 0.4]),
)
def test_what_may_come_is_what_transformers_keeps(
    seed, prompt, made, repetition, temperature, top_k, min_p, top_p
) -> None:
    """Every token that comes is kept by transformers' processors in our order."""
    torch = pytest.importorskip("torch")
    from transformers.generation import logits_process as processors

    logits = logits_of(seed)
    scores = torch.from_numpy(logits.copy())[None]
    seen = torch.tensor([[*prompt, *made]])
    chain = [processors.TemperatureLogitsWarper(temperature)]
    if repetition != 1:
        chain.insert(0, processors.RepetitionPenaltyLogitsProcessor(repetition))
    if top_k:
        chain.append(processors.TopKLogitsWarper(top_k))
    if min_p:
        chain.append(processors.MinPLogitsWarper(min_p))
    if top_p < 1:
        chain.append(processors.TopPLogitsWarper(top_p))
    for processor in chain:
        scores = processor(seen, scores)
    expected = torch.softmax(scores, -1)[0].numpy()
    sampling = Sampling(temperature, top_p, top_k, min_p, repetition_penalty=repetition)
    found = drawn(logits, sampling, history_of(prompt, made), count=300)
    assert set(np.flatnonzero(found)) <= set(np.flatnonzero(expected))
    assert np.abs(found - expected).max() < 0.15


def test_penalties_of_the_answer_count_the_answer_alone() -> None:
    logits, history = logits_of(1), history_of([1, 2, 3], [5, 5, 7])
    expected = logits.copy()
    expected[5] -= 0.5 + 2 * 1.25
    expected[7] -= 0.5 + 1.25
    sampling = Sampling(presence_penalty=0.5, frequency_penalty=1.25)
    found = drawn(logits, sampling, history, count=6000)
    np.testing.assert_allclose(found, softmax(expected), atol=0.03)


def test_bias_is_added_and_forbids() -> None:
    logits = logits_of(2)
    likeliest = int(logits.argmax())
    sampling = Sampling(logit_bias=((likeliest, -100.0), (3, 4.5)))
    expected = logits.copy()
    expected[likeliest], expected[3] = -np.inf, logits[3] + 4.5
    np.testing.assert_allclose(drawn(logits, sampling), softmax(expected), atol=0.03)
    assert sample(logits + 1e6, Sampling(0, logit_bias=((likeliest, -100),)), 0) != likeliest


@given(
    st.integers(0, 5),
    st.sets(st.integers(0, VOCABULARY - 1), min_size=1),
    st.sets(st.integers(0, VOCABULARY - 1)),
    st.integers(0, 99),
)
def test_nothing_comes_that_is_not_allowed_or_is_forbidden(seed, allowed, banned, place) -> None:
    sampling = Sampling(top_p=0.9, logit_bias=tuple((i, -100.0) for i in banned))
    may_come = np.asarray(sorted(allowed), np.intp)
    if allowed <= banned:
        with pytest.raises(OssiaError, match="logit_bias forbids all"):
            sample(logits_of(seed), sampling, place, None, may_come)
    else:
        assert sample(logits_of(seed), sampling, place, None, may_come) in allowed - banned


def test_without_rules_history_changes_nothing() -> None:
    logits, history = logits_of(3), history_of([1, 2], [3, 4])
    for place in range(50):
        plain = sample(logits, Sampling(seed=2), place)
        assert sample(logits, Sampling(seed=2), place, history) == plain
        everything = np.arange(VOCABULARY)
        assert sample(logits, Sampling(seed=2), place, None, everything) == plain


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"repetition_penalty": 0}, "repetition_penalty must be above 0; it is 0"),
        ({"repetition_penalty": float("nan")}, "repetition_penalty"),
        ({"presence_penalty": 2.1}, "presence_penalty must be between -2 and 2"),
        ({"frequency_penalty": float("nan")}, "frequency_penalty"),
        ({"logit_bias": ((-1, 3.0),)}, "token ids from 0"),
        ({"logit_bias": ((5, 101.0),)}, "between -100 and 100; it has 101.0 for 5"),
        ({"logit_bias": ((5, float("nan")),)}, "it has nan for 5"),
    ],
)
def test_rules_out_of_range_are_refused(values, words) -> None:
    with pytest.raises(InputError, match=words):
        Sampling(**values)
