import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.ops.reference import experts, route
from ossia.ops.reference.experts import swiglu


def test_route_takes_the_highest_and_of_equals_the_first() -> None:
    logits = np.array([[1, 3, 3, 2], [0, 0, 0, 0]], np.float32)
    ids, weights = route(logits, 3)
    assert ids.tolist() == [[1, 2, 3], [0, 1, 2]]
    raw = np.exp([0, 0, -1])
    np.testing.assert_allclose(weights, [raw / raw.sum(), [1 / 3] * 3], rtol=1e-6)


def test_swiglu_clamps_gate_above_and_up_on_both_sides() -> None:
    gate = np.array([9, 7, -100, 1], np.float32)
    up = np.array([0, 50, 1, -50], np.float32)
    at_seven = 7 / (1 + np.exp(-1.702 * 7))
    at_one = 1 / (1 + np.exp(-1.702))
    expected = [at_seven, at_seven * 8, 0, at_one * -6]
    np.testing.assert_allclose(swiglu(gate, up, 7.0), expected, rtol=1e-6, atol=1e-30)


@given(tokens=st.integers(1, 9), active=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_token_gets_the_same_bits_in_every_batch(tokens: int, active: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    hidden, inter, num_experts = 64, 32, 6

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    x = normal(tokens, hidden)
    ids, weights = route(normal(tokens, num_experts), active)
    tensors = (
        normal(num_experts, inter, hidden),
        normal(num_experts, inter),
        normal(num_experts, inter, hidden),
        normal(num_experts, inter),
        normal(num_experts, hidden, inter),
        normal(num_experts, hidden),
    )
    together = experts(x, ids, weights, *tensors, 7.0)
    for token in range(tokens):
        row = slice(token, token + 1)
        alone = experts(x[row], ids[row], weights[row], *tensors, 7.0)
        assert (together[row] == alone).all()
    gate, gate_bias, up, up_bias, down, down_bias = (t.astype(np.float64) for t in tensors)
    exact = np.zeros((tokens, hidden))
    for token in range(tokens):
        for e, weight in zip(ids[token], weights[token], strict=True):
            g = np.minimum(gate[e] @ x[token] + gate_bias[e], 7)
            u = np.clip(up[e] @ x[token] + up_bias[e], -7, 7)
            inside = g / (1 + np.exp(-1.702 * g)) * (u + 1)
            exact[token] += weight * (down[e] @ inside + down_bias[e])
    np.testing.assert_allclose(together, exact, rtol=1e-3, atol=1e-3)
