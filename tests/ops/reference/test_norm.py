import numpy as np

from ossia.ops.reference import rms_norm


def test_rms_norm_equals_the_formula_and_each_row_stands_alone() -> None:
    random = np.random.default_rng(1)
    for hidden in (1, 7, 64, 2880):
        x = random.normal(size=(6, hidden)).astype(np.float32) * 10
        weight = random.normal(size=hidden).astype(np.float32)
        y = rms_norm(x, weight, 1e-5)
        exact = x / np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-5) * weight
        np.testing.assert_allclose(y, exact, rtol=1e-5)
        for row in range(6):
            assert (rms_norm(x[row : row + 1], weight, 1e-5) == y[row]).all()


def test_a_row_of_zeros_stays_zero() -> None:
    assert not rms_norm(np.zeros((1, 8), np.float32), np.ones(8, np.float32), 1e-5).any()
