import numpy as np

from ossia.ops.arrays import RopeTable
from ossia.ops.reference import rope


def test_rotation_keeps_length_and_turns_by_distance_only() -> None:
    random = np.random.default_rng(2)
    frequencies = random.uniform(0.01, 1, 4).astype(np.float32)
    table = RopeTable(frequencies, 1.0)
    q, k = random.normal(size=(2, 1, 1, 8)).astype(np.float32)

    def product(q_position: int, k_position: int) -> float:
        turned_q = rope(q, np.array([q_position], np.int32), table)
        turned_k = rope(k, np.array([k_position], np.int32), table)
        return float((turned_q * turned_k).sum())

    assert np.isclose(product(10, 3), product(107, 100), rtol=1e-3)
    turned = rope(q, np.array([999], np.int32), table)
    assert np.isclose(np.linalg.norm(turned), np.linalg.norm(q), rtol=1e-5)


def test_halves_are_paired_and_concentration_scales() -> None:
    x = np.array([[[1, 0, 0, 0]]], np.float32)  # dimension 0 pairs with 2
    quarter = RopeTable(np.array([np.pi / 2, 0], np.float32), 3.0)
    np.testing.assert_allclose(
        rope(x, np.array([1], np.int32), quarter), [[[0, 0, 3, 0]]], atol=1e-6
    )
