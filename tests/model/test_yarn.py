"""What the YaRN table of gpt-oss must be, from the paper's words."""

import math

import numpy as np

from ossia.model.config import Rope
from ossia.model.yarn import rope_table

TURNS = 4096 / (2 * math.pi)  # times a radian a token, turns within the original context


def test_fast_frequencies_stay_slow_ones_stretch_and_none_rises() -> None:
    plain = rope_table(Rope(factor=1.0), 64).frequencies
    table = rope_table(Rope(), 64).frequencies
    np.testing.assert_allclose(plain, 150_000.0 ** -(np.arange(0, 64, 2) / 64), rtol=1e-6)
    fast, slow = plain * TURNS > 32, plain * TURNS < 1
    assert fast.any()
    assert slow.any()
    np.testing.assert_array_equal(table[fast], plain[fast])
    np.testing.assert_allclose(table[slow], plain[slow] / 32, rtol=1e-6)
    between = ~(fast | slow)
    assert ((table < plain) & (table > plain / 32))[between].all()
    assert (np.diff(table) < 0).all()


def test_concentration_grows_with_the_factor_and_is_one_without() -> None:
    assert rope_table(Rope(), 64).concentration == 0.1 * math.log(32) + 1
    assert rope_table(Rope(factor=1.0), 64).concentration == 1


def test_a_ramp_of_no_width_is_a_step() -> None:
    table = rope_table(Rope(beta_fast=8.0, beta_slow=8.0), 64).frequencies
    plain = rope_table(Rope(factor=1.0), 64).frequencies
    expected = np.where(plain * TURNS > 8, plain, plain / 32)
    np.testing.assert_allclose(table, expected, rtol=1e-6)
