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
