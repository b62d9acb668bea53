"""The experts over tiles: the right ones, in the right order, near the oracle and the reference."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.ops.cpu.operands import each_instruction_set, gate_of_gate_up, normal, rounded

from ossia.numerics.arrays import Array, Float32, Int32, Mxfp4Array
from ossia.numerics.bf16 import round_to_bf16
from ossia.numerics.dequantize import to_float32
from ossia.numerics.mxfp4 import quantize
from ossia.ops import reference
from ossia.ops.cpu import _kernels, experts, linear, route
from ossia.ops.cpu.pack import pack
from ossia.ops.spec import SWIGLU_ALPHA

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Call:
    """What ``experts`` is given."""

    x: Float32
    expert_ids: Int32
    expert_weights: Float32
    gate: Array
    gate_bias: Float32
    up: Array
    up_bias: Float32
    down: Array
    down_bias: Float32
    limit: float = 7.0

    def run(self, run: Callable[..., Float32] = experts) -> Float32:
        return run(*vars(self).values())

    def packed(self) -> "Call":
        gate, up, down = (pack(each) for each in (self.gate, self.up, self.down))
        return replace(self, gate=gate, up=up, down=down)

    def of_tokens(self, tokens: slice) -> "Call":
        return replace(
            self,
            x=self.x[tokens].copy(),
            expert_ids=self.expert_ids[tokens].copy(),
            expert_weights=self.expert_weights[tokens].copy(),
        )


def make_call(
    tokens: int = 37,
    num_experts: int = 5,
    active: int = 3,
    hidden: int = 96,
    inter: int = 64,
    seed: int = 0,
    encode: Callable[[Float32], Array] = quantize,
    limit: float = 7.0,
) -> Call:
    """Random choices; gate and up reach beyond the limit now and then."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Float32:
        return rng.standard_normal(shape, dtype=np.float32)

    def matrices(rows: int, columns: int, gain: float) -> Array:
        return encode(draw(num_experts, rows, columns) * np.float32(gain * columns**-0.5))

    ids = np.stack([rng.permutation(num_experts)[:active] for _ in range(tokens)] or [[0] * active])
    weights = rng.dirichlet(np.ones(active), max(1, tokens)).astype(np.float32)
    return Call(
        draw(tokens, hidden),
        ids[:tokens].astype(np.int32),
        weights[:tokens],
        matrices(inter, hidden, 3),
        draw(num_experts, inter),
        matrices(inter, hidden, 3),
        draw(num_experts, inter),
        matrices(hidden, inter, 1),
        draw(num_experts, hidden),
        limit,
    )


SHAPES = {
    "usual": make_call(),
    "gpt_oss": make_call(tokens=9, num_experts=8, active=4, hidden=320, inter=288),
    "one_of_one": make_call(num_experts=1, active=1),
    "one_token": make_call(tokens=1),
    "all_of_them": make_call(num_experts=4, active=4),
    "narrow": make_call(hidden=32, inter=32),
    "many_idle": make_call(tokens=3, num_experts=40, active=2),
    "q8": make_call(encode=round_to_bf16),
    "q8_odd": make_call(hidden=41, inter=50, encode=round_to_bf16),
    "unlimited": make_call(limit=1e30),
}


def swiglu(gate: Float64, up: Float64, limit: float) -> Float64:
    gate, up = np.minimum(gate, limit), np.clip(up, -limit, limit)
    with np.errstate(over="ignore"):
        inner: Float64 = gate / (1 + np.exp(-SWIGLU_ALPHA * gate)) * (up + 1)
    return inner


def from_float64(call: Call) -> tuple[Float64, Float64]:
    """The oracle on the kernels' rounded activations, and a bound: both [tokens, hidden].

    What an expert computes inside (gate, up, swiglu) is known to 2**-17 of its block's largest;
    rounded to 8 bits it may land one step beside only where it lies that near a tie.
    """
    values, _ = rounded(call.x)
    gate, up, down = (
        to_float32(each).astype(np.float64) for each in (call.gate, call.up, call.down)
    )
    total, bound = np.zeros(call.x.shape), np.zeros(call.x.shape)
    for token, ids in enumerate(call.expert_ids):
        for rank, e in enumerate(ids):
            g = gate[e] @ values[token] + call.gate_bias[e]
            u = up[e] @ values[token] + call.up_bias[e]
            inner = swiglu(g, u, call.limit)
            hit, steps = rounded(inner[None].astype(np.float32))
            with np.errstate(invalid="ignore", divide="ignore"):
                from_tie = np.abs(np.abs(inner / steps[0]) % 1 - 0.5)
            off = np.where(from_tie < 127 * 2.0**-15, steps[0], 0) + 127 * steps[0] * 2.0**-15
            weight = abs(float(call.expert_weights[token, rank]))
            output = down[e] @ hit[0] + call.down_bias[e]
            total[token] += call.expert_weights[token, rank] * output
            magnitude = np.abs(down[e]) @ np.abs(hit[0]) + np.abs(call.down_bias[e])
            bound[token] += weight * (np.abs(down[e]) @ off + magnitude * 2.0**-19)
    return total, bound


@pytest.mark.parametrize("name", SHAPES)
def test_near_the_oracle(instruction_set: str, name: str) -> None:
    call = SHAPES[name].packed()
    expected, bound = from_float64(call)
    found = call.run()
    assert (np.abs(found - expected) <= bound).all(), instruction_set
    # And the bound says something: on the whole it is a fiftieth of a result at most.
    assert bound.mean() < 0.02 * np.abs(expected).mean()


def test_the_instruction_set_that_was_asked_for_runs(instruction_set: str) -> None:
    call = SHAPES["usual"].packed()
    y = np.empty_like(call.x)
    arguments = []
    for value in vars(call).values():
        is_tiled = hasattr(value, "values")
        arguments += [value.tiles] if is_tiled else [value]
    assert _kernels.experts_q8_tiles(*arguments, y) == instruction_set
    np.testing.assert_array_equal(y, call.run())


@pytest.mark.parametrize("name", SHAPES)
def test_near_the_reference(name: str) -> None:
    """Rounding each input to 8 bits twice moves a result by about a hundredth of its spread.

    Half a step at most of 127, as a rule a third of that (the spread of a uniform error), over the
    block's largest, which is some 2 to 3 times the usual: 0.5 / 127 / 3**0.5 * 2.5 = 0.6 percent
    for x, doubled by swiglu's slope (gate and up both move), and as much again inside.
    """
    call = SHAPES[name]
    expected = call.run(reference.experts)
    found = call.packed().run()
    error = np.linalg.norm(found - expected, axis=-1) / np.linalg.norm(expected, axis=-1)
    assert error.max() < 0.03
    assert error.mean() < 0.015


@pytest.mark.parametrize("name", ["usual", "gpt_oss", "many_idle", "q8", "q8_odd"])
def test_weights_as_files_hold_them_are_exact(instruction_set: str, name: str) -> None:
    call = SHAPES[name]
    expected = call.run(reference.experts)
    spread = np.linalg.norm(expected, axis=-1, keepdims=True) / expected.shape[1] ** 0.5
    assert (np.abs(call.run() - expected) <= 1e-5 * spread).all(), instruction_set
    if isinstance(call.gate, Mxfp4Array) and isinstance(call.up, Mxfp4Array):
        strided = replace(call, gate=gate_of_gate_up(call.gate), up=gate_of_gate_up(call.up))
        np.testing.assert_array_equal(strided.run(), call.run())


@given(
    tokens=st.integers(0, 60),
    num_experts=st.integers(1, 9),
    active=st.integers(1, 4),
    blocks=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_a_token_gets_the_same_bits_in_any_company_and_instruction_set(
    tokens: int, num_experts: int, active: int, blocks: tuple[int, int], threads: int, seed: int
) -> None:
    active = min(active, num_experts)
    call = make_call(tokens, num_experts, active, 32 * blocks[0], 32 * blocks[1], seed).packed()
    _kernels.set_num_threads(threads)
    results = [call.run() for _ in each_instruction_set()]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
    for token in range(0, tokens, 5):
        row = slice(token, token + 1)
        np.testing.assert_array_equal(call.of_tokens(row).run(), results[0][row])
    half = slice(tokens // 2, tokens)
    np.testing.assert_array_equal(call.of_tokens(half).run(), results[0][half])


def test_ranks_are_summed_from_first_to_last() -> None:
    call = SHAPES["gpt_oss"].packed()
    expected = np.zeros_like(call.x)
    for rank in range(call.expert_ids.shape[1]):
        ids = call.expert_ids[:, rank : rank + 1].copy()
        output = replace(call, expert_ids=ids, expert_weights=np.ones(ids.shape, np.float32)).run()
        expected += output * call.expert_weights[:, rank : rank + 1]
    np.testing.assert_array_equal(call.run(), expected)


def test_an_expert_is_two_products_with_swiglu_between() -> None:
    """Of one expert: the same bits as ``linear`` gives, but for the last places of swiglu."""
    call = replace(make_call(active=1), expert_weights=np.ones((37, 1), np.float32)).packed()
    found = call.run()
    for token, (e,) in enumerate(call.expert_ids):
        x = call.x[token : token + 1]
        g = linear(x, call.gate[e], call.gate_bias[e])
        u = linear(x, call.up[e], call.up_bias[e])
        inner = swiglu(g.astype(np.float64), u.astype(np.float64), call.limit).astype(np.float32)
        y = linear(inner, call.down[e], call.down_bias[e])[0]
        same = np.isclose(found[token], y, rtol=1e-5, atol=1e-6 * np.abs(y).max())
        assert same.all() or np.abs(found[token] - y).max() < 0.02 * np.abs(y).max()


@pytest.mark.parametrize(("gate_bias", "up_bias"), [(90, 0), (-90, 0), (0, 90), (0, -90), (5, -5)])
def test_the_limit_clamps_gate_above_and_up_on_both_sides(gate_bias: int, up_bias: int) -> None:
    """Biases so large that all values are beyond the limit, or none is."""
    call = make_call(limit=3.0)
    call = replace(
        call,
        gate_bias=np.full_like(call.gate_bias, gate_bias),
        up_bias=np.full_like(call.up_bias, up_bias),
    )
    packed = call.packed()
    expected, bound = from_float64(packed)
    for name in each_instruction_set():
        assert (np.abs(packed.run() - expected) <= bound).all(), name
    if abs(gate_bias) + abs(up_bias) == 90 and gate_bias > 0:
        other = replace(packed, gate_bias=np.full_like(call.gate_bias, 1e6))
        np.testing.assert_array_equal(other.run(), packed.run())


def test_every_expert_and_every_bias_counts() -> None:
    call = make_call(tokens=60, num_experts=7, active=2).packed()
    before = call.run()
    for field in ("gate_bias", "up_bias", "down_bias"):
        for expert in range(7):
            changed = getattr(call, field).copy()
            changed[expert] += 1
            moved = (replace(call, **{field: changed}).run() != before).any(axis=1)
            uses = (call.expert_ids == expert).any(axis=1)
            np.testing.assert_array_equal(moved, uses)


def test_no_tokens(instruction_set: str) -> None:
    call = make_call(tokens=0)
    assert call.packed().run().shape == call.run().shape == (0, 96), instruction_set


def test_a_token_may_choose_an_expert_twice() -> None:
    call = make_call(active=2).packed()
    ids = np.repeat(call.expert_ids[:, :1], 2, axis=1).copy()
    twice = replace(call, expert_ids=ids, expert_weights=np.ones_like(call.expert_weights)).run()
    once = replace(call, expert_ids=ids[:, :1].copy(), expert_weights=np.ones((37, 1), np.float32))
    np.testing.assert_array_equal(twice, 2 * once.run())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_number_among_activations_shows_in_its_token(instruction_set: str, bad: float) -> None:
    call = make_call().packed()
    expected = call.run()
    call.x[11, 33] = bad
    found = call.run()
    assert not np.isfinite(found[11]).any()
    others = np.arange(37) != 11
    np.testing.assert_array_equal(found[others], expected[others], instruction_set)


@pytest.mark.parametrize("field", ["gate", "up", "down"])
@pytest.mark.parametrize("encode", [quantize, round_to_bf16])
def test_a_damaged_weight_shows_in_the_tokens_of_its_expert(
    instruction_set: str, encode: Callable[[Float32], Array], field: str
) -> None:
    """Also where swiglu would clamp an infinite gate or up to the limit."""
    call = make_call(tokens=40, num_experts=6, active=2, encode=encode).packed()
    expected = call.run()
    tiles = getattr(call, field)
    tiles.scales[3, 1, 1, 5] = 255 if tiles.scales.dtype == np.uint8 else np.inf  # row 21
    found = call.run()
    uses = (call.expert_ids == 3).any(axis=1)
    hit = found[uses][:, [21]] if field == "down" else found[uses]
    assert not np.isfinite(hit).any()
    np.testing.assert_array_equal(found[~uses], expected[~uses], instruction_set)


def test_bad_arguments_are_refused() -> None:
    call = make_call().packed()
    good = call.expert_ids
    for bad in (-1, 5, 2**31 - 1, -(2**31)):
        ids = good.copy()
        ids[7, 2] = bad
        with pytest.raises(ValueError, match="expert_ids names an expert that is not there"):
            replace(call, expert_ids=ids).run()
    with pytest.raises(TypeError, match="expert_ids has the wrong dtype"):
        replace(call, expert_ids=good.astype(np.int64)).run()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expert_ids must have the shape \(37, 3, \)"):
        replace(call, expert_ids=good[:-1]).run()
    with pytest.raises(ValueError, match="expert_ids must be contiguous"):
        replace(call, expert_ids=np.repeat(good, 2, axis=1)[:, ::2]).run()
    with pytest.raises(ValueError, match=r"expert_weights must have the shape \(37, 3, \)"):
        replace(call, expert_weights=call.expert_weights[:, :2].copy()).run()
    with pytest.raises(TypeError, match="x has the wrong dtype"):
        replace(call, x=call.x.astype(np.float16)).run()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="gate has not as many columns as x"):
        replace(call, x=normal(37, 64)).run()
    with pytest.raises(ValueError, match="x must be contiguous"):
        replace(call, x=normal(37, 192)[:, ::2]).run()
    with pytest.raises(ValueError, match="down has not as many rows as the result"):
        replace(call, down=call.gate).run()
    with pytest.raises(ValueError, match="up has another number of experts"):
        replace(call, up=call.up[:4]).run()
    with pytest.raises(ValueError, match="bias must have the shape"):
        replace(call, down_bias=call.down_bias[:, :-1].copy()).run()
    with pytest.raises(TypeError, match="bias has the wrong dtype"):
        replace(call, up_bias=call.up_bias.astype(np.float64)).run()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="gate and up differ in format"):
        replace(call, up=pack(to_float32(call.up))).run()


def test_route_takes_the_highest_and_of_equals_the_first() -> None:
    logits = np.array([[1, 3, 3, 2], [0, 0, 0, 0]], np.float32)
    ids, weights = route(logits, 3)
    assert ids.tolist() == [[1, 2, 3], [0, 1, 2]]
    raw = np.exp([0, 0, -1])
    np.testing.assert_allclose(weights, [raw / raw.sum(), [1 / 3] * 3], rtol=1e-6)
