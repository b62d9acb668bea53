import numpy as np
import pytest

from ossia.base.errors import CheckpointError, InputError
from ossia.engine.sampler import Sampling, sample

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.06, 0.04], np.float32))


def draw_many(sampling: Sampling, count: int = 4000) -> np.ndarray:
    ids = [sample(LOGITS, sampling, position) for position in range(count)]
    return np.bincount(ids, minlength=LOGITS.size) / count


def test_temperature_zero_takes_the_likeliest() -> None:
    assert sample(LOGITS[::-1].copy(), Sampling(temperature=0), 0) == 4


def test_plain_sampling_follows_the_distribution() -> None:
    np.testing.assert_allclose(draw_many(Sampling(seed=5)), np.exp(LOGITS), atol=0.03)


def test_low_temperature_sharpens() -> None:
    expected = np.exp(LOGITS * 2) / np.exp(LOGITS * 2).sum()
    np.testing.assert_allclose(draw_many(Sampling(temperature=0.5)), expected, atol=0.03)


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 5e-324])
@pytest.mark.parametrize("filters", [{}, {"top_k": 2}, {"top_p": 0.5}, {"min_p": 0.1}])
def test_a_tiny_temperature_takes_the_likeliest(temperature: float, filters: dict) -> None:
    sampling = Sampling(temperature=temperature, **filters)
    assert {sample(LOGITS[::-1] * 1e6, sampling, position) for position in range(20)} == {4}


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(top_k=2), 2),
        (Sampling(top_k=99), 5),
        (Sampling(top_p=0.7), 2),  # 0.5 + 0.25 reaches it
        (Sampling(top_p=0.01), 1),
        (Sampling(min_p=0.2), 3),  # 0.15 is above 0.2 * 0.5, 0.06 is not
        (Sampling(min_p=1.0), 1),
        (Sampling(top_k=3, top_p=0.7), 2),  # of the three kept: 0.56 + 0.28 reaches it
    ],
)
def test_filters_keep_the_likeliest(sampling: Sampling, kept: int) -> None:
    seen = draw_many(sampling, 1000)
    assert np.flatnonzero(seen).tolist() == list(range(kept))


def test_same_seed_and_position_give_the_same_token() -> None:
    for position in range(50):
        first = sample(LOGITS, Sampling(seed=11), position)
        assert first == sample(LOGITS.copy(), Sampling(seed=11), position)


def test_a_seed_means_the_same_tokens_in_every_version() -> None:
    """Answers that somebody noted with their seed come again after an update."""
    plain = [sample(LOGITS, Sampling(seed=2**63), position) for position in range(12)]
    assert plain == [3, 0, 0, 0, 1, 1, 1, 0, 0, 3, 0, 0]
    nucleus = [sample(LOGITS, Sampling(0.9, 0.8, seed=4), position) for position in range(12)]
    assert nucleus == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1]


def _chi_square_bound(freedom: int) -> float:
    """What chance alone exceeds once in 10,000 times (Wilson and Hilferty, 1931)."""
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + 3.72 * spread**0.5) ** 3


@pytest.mark.parametrize("size", [6, 1400])  # less than a run, and a few
@pytest.mark.parametrize("by_seed", [False, True])
def test_draws_are_as_frequent_as_they_should_be(size: int, by_seed: bool) -> None:
    """Over the positions of one sequence, and over the first tokens of many."""
    logits = np.random.default_rng(size).normal(0, 1, size).astype(np.float32)
    expected = np.exp(logits.astype(np.float64))
    expected *= 10_000 / expected.sum()
    places = [(i, 3) if by_seed else (3, i) for i in range(10_000)]
    ids = [sample(logits, Sampling(seed=seed), position) for seed, position in places]
    order = np.argsort(expected)
    bins = np.cumsum(expected[order]) // 50  # neighbours together, at least about 50 in each
    wanted = np.bincount(bins.astype(int), expected[order])
    found = np.bincount(bins.astype(int), np.bincount(ids, minlength=size)[order])
    wanted, found = wanted[wanted > 0], found[wanted > 0]
    statistic = ((found - wanted) ** 2 / wanted).sum()
    assert statistic < _chi_square_bound(wanted.size - 1)


def test_seeds_differ() -> None:
    draws = [[sample(LOGITS, Sampling(seed=s), p) for p in range(40)] for s in (1, 2)]
    assert draws[0] != draws[1]


def test_infinite_logits_do_not_break_sampling() -> None:
    logits = np.array([-np.inf, 3.0, -np.inf], np.float32)
    assert {sample(logits, Sampling(), position) for position in range(20)} == {1}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_no_numbers_are_reported(bad: float, temperature: float) -> None:
    logits = LOGITS.copy()
    logits[2] = bad
    with pytest.raises(CheckpointError, match="damaged"):
        sample(logits, Sampling(temperature=temperature), 0)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 2.5}, "top_k must be at least 0, a whole number; it is 2.5"),
        ({"min_p": 2.0}, "min_p"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed .* a whole number; it is 1.5"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, float], word: str) -> None:
    with pytest.raises(InputError, match=word):
        Sampling(**values)
