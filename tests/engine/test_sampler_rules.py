"""Bias, penalties, masks and filters: what may come, and how often.

``shares`` asks the sampler with every number of an even grid in place of the random one. Each token
holds one stretch of them, so its share is exact to one step of the grid, and no luck is involved.
That the random numbers are even is tested in ``test_sampler.py``.
"""

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ossia.base.errors import InputError, OssiaError
from ossia.engine import sampler
from ossia.engine.sampler import History, Sampling, largest_ids, sample

VOCABULARY = 40
STEPS = 1500


def logits_of(seed: int, size: int = VOCABULARY) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, 2, size).astype(np.float32)
    logits.flags.writeable = False  # they are somebody else's
    return logits


def history_of(prompt: list[int], made: list[int]) -> History:
    history = History(prompt)
    for token_id in made:
        history.add(token_id)
    return history


def shares(logits, sampling: Sampling, history=None, allowed=None) -> np.ndarray:
    """Each token's probability, to 1 / STEPS."""
    grid = iter((np.arange(STEPS) + 0.5) / STEPS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "_uniform", lambda *_: float(next(grid)))
        ids = [sample(logits, sampling, 0, history, allowed) for _ in range(STEPS)]
    return np.bincount(ids, minlength=logits.size) / STEPS


def assert_shares(found: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(found - expected).max() <= 1.01 / STEPS


def softmax(logits) -> np.ndarray:
    weights = np.exp(np.asarray(logits, np.float64) - np.max(logits))
    return weights / weights.sum()


an_id = st.integers(0, VOCABULARY - 1)
ids = st.lists(an_id, max_size=12)
biases = st.dictionaries(an_id, st.floats(-5, 5) | st.just(-100.0), max_size=5)
filters = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([1.0, 0.0, 0.5, 1.7, 1e-300, 1e300]),
        "top_k": st.sampled_from([0, 1, 5, 20]),
        "min_p": st.sampled_from([0.0, 0.05, 0.3]),
        "top_p": st.sampled_from([1.0, 0.9, 0.4]),
    }
)
penalties = st.fixed_dictionaries(
    {
        "repetition_penalty": st.sampled_from([1.0, 1.3, 0.8, 5e-324, 1e300]),
        "presence_penalty": st.sampled_from([0.0, 0.5, -2.0]),
        "frequency_penalty": st.sampled_from([0.0, 0.25, 2.0]),
    }
)


@pytest.mark.oracle
@settings(max_examples=40)
@given(
    st.integers(0, 9),
    ids.filter(bool),
    ids,
    st.dictionaries(an_id, st.floats(-5, 5), max_size=5),
    st.none() | st.sets(an_id, min_size=1),
    st.sampled_from([1.0, 1.3, 0.8]),
    filters.filter(lambda chosen: 0.1 < chosen["temperature"] < 10),
)
def test_tokens_come_as_transformers_would_have_them(
    seed, prompt, made, bias, allowed, repetition, filters
) -> None:
    torch = pytest.importorskip("torch")
    from transformers.generation import logits_process as processors

    logits = logits_of(seed)
    scores = torch.from_numpy(logits.copy())[None]
    chain = []
    if bias:
        pairs = {(token_id,): float(value) for token_id, value in bias.items()}
        chain.append(processors.SequenceBiasLogitsProcessor(pairs))
    if repetition != 1:
        chain.append(processors.RepetitionPenaltyLogitsProcessor(repetition))
    if allowed is not None:
        may_come = sorted(allowed)
        chain.append(processors.PrefixConstrainedLogitsProcessor(lambda *_: may_come, 1))
    chain.append(processors.TemperatureLogitsWarper(filters["temperature"]))
    if filters["top_k"]:
        chain.append(processors.TopKLogitsWarper(filters["top_k"]))
    if filters["min_p"]:
        chain.append(processors.MinPLogitsWarper(filters["min_p"]))
    if filters["top_p"] < 1:
        chain.append(processors.TopPLogitsWarper(filters["top_p"]))
    for processor in chain:
        scores = processor(torch.tensor([[*prompt, *made]]), scores)

    sampling = Sampling(**filters, repetition_penalty=repetition, logit_bias=tuple(bias.items()))
    mask = None if allowed is None else np.array(sorted(allowed), np.intp)
    found = shares(logits, sampling, history_of(prompt, made), mask)
    assert_shares(found, torch.softmax(scores.double(), -1)[0].numpy())


@pytest.mark.oracle
@pytest.mark.parametrize("min_p", [0.05, 0.2])
def test_top_p_and_min_p_keep_no_more_than_in_transformers_order(min_p: float) -> None:
    torch = pytest.importorskip("torch")
    from transformers.generation import logits_process as processors

    for seed in range(20):
        scores = torch.from_numpy(logits_of(seed).copy())[None]
        for warper in (processors.TopPLogitsWarper(0.8), processors.MinPLogitsWarper(min_p)):
            scores = warper(None, scores)
        kept = set(np.flatnonzero(torch.isfinite(scores[0]).numpy()))
        found = shares(logits_of(seed), Sampling(top_p=0.8, min_p=min_p))
        assert set(np.flatnonzero(found)) <= kept


@given(st.integers(0, 9), ids, ids, st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=25)
def test_penalties_of_the_answer_are_openais_formula(seed, prompt, made, frequency, presence):
    expected = logits_of(seed).astype(np.float64)
    for token_id, count in Counter(made).items():  # how often it was sampled, not given
        expected[token_id] -= count * frequency + presence
    sampling = Sampling(presence_penalty=presence, frequency_penalty=frequency)
    found = shares(logits_of(seed), sampling, history_of(prompt, made))
    assert_shares(found, softmax(expected))


def test_bias_is_added_and_forbids() -> None:
    logits = logits_of(2)
    likeliest = int(logits.argmax())
    expected = logits.copy()
    expected[likeliest], expected[3] = -np.inf, logits[3] + 4.5
    sampling = Sampling(logit_bias=((likeliest, -100.0), (3, 4.5)))
    assert_shares(shares(logits, sampling), softmax(expected))


def test_a_huge_temperature_makes_all_alike_but_what_is_forbidden() -> None:
    sampling = Sampling(temperature=1e300, logit_bias=((3, -100),))
    expected = np.full(VOCABULARY, 1 / (VOCABULARY - 1))
    expected[3] = 0
    assert_shares(shares(logits_of(4), sampling), expected)


def test_what_is_forbidden_stays_so_however_likely_it_is() -> None:
    logits = np.array([0, 1e6, -1e6], np.float32)
    history = history_of([1], [1])
    sampling = Sampling(
        temperature=5.0, repetition_penalty=1e-300, presence_penalty=-2, logit_bias=((1, -100),)
    )
    assert {sample(logits, sampling, place, history) for place in range(200)} == {0}


@given(
    st.integers(0, 5),
    st.sets(an_id, min_size=1),
    biases,
    filters,
    penalties,
    ids,
    st.integers(0, 99),
)
def test_nothing_comes_that_is_not_allowed_or_is_forbidden(
    seed, allowed, bias, filters, penalties, made, place
) -> None:
    sampling = Sampling(seed=seed, **filters, **penalties, logit_bias=tuple(bias.items()))
    may_come = allowed - {token_id for token_id, value in bias.items() if value == -100}
    mask = np.array(sorted(allowed), np.intp)

    def chosen() -> int:
        return sample(logits_of(seed), sampling, place, history_of([1, 2], made), mask)

    if may_come:
        assert chosen() in may_come
        assert chosen() == chosen()
    else:
        with pytest.raises(OssiaError, match="logit_bias forbids all"):
            chosen()


@pytest.mark.parametrize("rules", [{}, {"top_p": 0.8}, {"min_p": 0.1}])
def test_rules_that_are_off_change_nothing(rules: dict[str, float]) -> None:
    history, everything = history_of([1, 2], [3, 4]), np.arange(VOCABULARY)
    for place in range(50):
        asked = (logits_of(3), Sampling(seed=2, **rules), place)
        assert sample(*asked) == sample(*asked, history) == sample(*asked, None, everything)


def test_a_history_is_the_same_however_it_grew() -> None:
    """A sequence that was preempted, or read from elsewhere, knows its tokens and no more."""
    sampling = Sampling(repetition_penalty=1.2, presence_penalty=0.3, frequency_penalty=0.4)
    grown, made = History([7, 7, 8]), []
    for place in range(60):
        token_id = sample(logits_of(place % 4), sampling, place, grown)
        made.append(token_id)
        grown.add(token_id)
        anew = history_of([8, 7], made)
        assert (grown.seen, grown.made) == (anew.seen, anew.made)


def test_penalties_without_a_history_are_not_passed_over() -> None:
    with pytest.raises(ValueError, match="need the history"):
        sample(logits_of(0), Sampling(presence_penalty=1), 0)


@given(st.integers(0, 9), st.integers(1, 3000), st.integers(0, 3), st.data())
def test_the_largest_are_those_of_a_whole_sort(seed, size, decimals, data) -> None:
    logits = np.round(logits_of(seed, size), decimals)  # with equal ones among them
    count = data.draw(st.integers(1, size))
    expected = sorted(range(size), key=lambda i: (-logits[i], i))[:count]
    assert largest_ids(logits, count).tolist() == expected


@given(st.lists(st.floats(0, 1, width=32) | st.sampled_from([0.0, 0.25, 1.0]), max_size=300))
@example(np.random.default_rng(0).uniform(0.5, 0.51, 300).tolist())  # alike in their upper bits
def test_weights_are_ordered_as_by_a_stable_sort(weights: list[float]) -> None:
    array = np.array(weights, np.float32)
    expected = np.argsort(-array, kind="stable")
    assert sampler._descending(array).tolist() == expected.tolist()


@pytest.mark.parametrize("uniform", [0.0, float(np.nextafter(1, 0))])
@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_the_ends_of_the_random_numbers_choose_what_is_allowed(monkeypatch, uniform, top_p):
    """Also where whole runs before and behind it have no chance."""
    monkeypatch.setattr(sampler, "_uniform", lambda *_: uniform)
    logits = np.full(3000, -np.inf, np.float32)
    logits[[1500, 1501]] = 0
    assert sample(logits, Sampling(top_p=top_p), 0) == (1501 if uniform else 1500)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"repetition_penalty": 0}, "repetition_penalty must be above 0; it is 0"),
        ({"repetition_penalty": float("nan")}, "repetition_penalty"),
        ({"repetition_penalty": float("inf")}, "repetition_penalty"),
        ({"presence_penalty": 2.1}, "presence_penalty must be between -2 and 2"),
        ({"frequency_penalty": float("nan")}, "frequency_penalty"),
        ({"logit_bias": ((-1, 3.0),)}, r"a token id from 0, .* it has \(-1, 3.0\)"),
        ({"logit_bias": ((5, 101.0),)}, r"a number from -100 to 100; it has \(5, 101.0\)"),
        ({"logit_bias": ((5, float("nan")),)}, r"it has \(5, nan\)"),
        ({"logit_bias": ((5.5, 1.0),)}, r"it has \(5.5, 1.0\)"),
        ({"logit_bias": (("5", 1.0),)}, r"it has \('5', 1.0\)"),
        ({"logit_bias": ([5, 1.0],)}, r"it has \[5, 1.0\]"),
        ({"logit_bias": (5, 1.0)}, "it has 5"),
        ({"logit_bias": {5: 1.0}}, "a tuple of pairs: .*; it is a dict"),
        ({"logit_bias": ((5, 1.0), (6, 1.0), (5, 2.0))}, "names the token id 5 twice"),
    ],
)
def test_rules_out_of_range_are_refused(values, words) -> None:
    with pytest.raises(InputError, match=words):
        Sampling(**values)


def test_sampling_can_be_a_key() -> None:
    first, second = (Sampling(logit_bias=((1, -100), (np.int64(2), 3.0))) for _ in range(2))
    sample(logits_of(0), first, 0)  # what it keeps for itself is no part of it
    assert {first: 1}[second] == 1
