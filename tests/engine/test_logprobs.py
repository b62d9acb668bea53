import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ossia.engine.logprobs import logprobs_of

logits_of_any_size = arrays.arrays(
    np.float32, st.integers(1, 300), elements=st.floats(-60, 60, width=32)
)


@given(logits_of_any_size, st.data())
def test_they_are_the_logarithms_of_the_softmax(logits, data) -> None:
    token_id = data.draw(st.integers(0, logits.size - 1))
    exact = logits.astype(np.longdouble)
    exact = exact - exact.max()
    exact = exact - np.log(np.exp(exact).sum())
    found = logprobs_of(logits, token_id, 5)
    assert found.logprob == pytest.approx(float(exact[token_id]), abs=2e-5)
    expected = sorted(range(logits.size), key=lambda i: (-logits[i], i))[:5]
    assert [i for i, _ in found.top] == expected
    assert [p for _, p in found.top] == pytest.approx([float(exact[i]) for i in expected], abs=2e-5)


def test_a_token_without_a_chance_is_minus_infinity() -> None:
    logits = np.asarray([0.0, -np.inf], np.float32)
    assert logprobs_of(logits, 1, 1).logprob == -np.inf
    assert logprobs_of(logits, 0, 1).top == ((0, 0.0),)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_no_numbers_have_no_likeliest(bad: float) -> None:
    found = logprobs_of(np.asarray([0.0, bad, 1.0], np.float32), 0, 2)
    assert np.isnan(found.logprob)
    assert found.top == ()


def test_logits_at_both_ends_of_what_a_float_holds() -> None:
    highest = np.finfo(np.float32).max
    found = logprobs_of(np.asarray([highest, -highest], np.float32), 1, 2)
    assert found.logprob == -2 * float(highest)
    assert found.top == ((0, 0.0), (1, found.logprob))


def test_of_many_equal_ones_the_lower_ids_come_first() -> None:
    logits = np.zeros(5000, np.float32)
    logits[4000:4003] = 1
    assert [i for i, _ in logprobs_of(logits, 0, 6).top] == [4000, 4001, 4002, 0, 1, 2]


@pytest.mark.oracle
def test_they_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).normal(0, 5, 201_088).astype(np.float32)
    expected = torch.log_softmax(torch.from_numpy(logits).double(), 0)
    top = torch.topk(expected, 20)
    found = logprobs_of(logits, 77, 20)
    assert found.logprob == pytest.approx(float(expected[77]), abs=1e-6)
    assert [i for i, _ in found.top] == top.indices.tolist()
    assert [p for _, p in found.top] == pytest.approx(top.values.tolist(), abs=1e-6)
