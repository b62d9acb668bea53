"""The forward pass gives the same bits in any chunking, in any company, from any layout."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape, convert, open_checkpoint
from ossia.engine import Engine, Request
from ossia.engine.batching import make_batch
from ossia.engine.scheduler import Scheduled
from ossia.model import Config, Params, forward, prepare_params
from ossia.model.yarn import rope_table
from ossia.numerics.bf16 import BF16
from ossia.ops.select import select_backend
from ossia.ops.spec import Ops

SHAPE = SyntheticShape(3, 96, 64, 6, 3, 6, 2, head_dim=32, vocabulary=301, window=40)
LENGTH = 200


def random_ids(seed: int, length: int = LENGTH) -> list[int]:
    return np.random.default_rng(seed).integers(0, SHAPE.vocabulary, length).tolist()


BACKENDS = [("reference", "packed"), ("cpu", "packed"), ("cpu", "released")]


@pytest.fixture(scope="module", params=BACKENDS, ids="-".join)
def ops(request: pytest.FixtureRequest) -> Iterator[Ops]:
    """Each backend, with weights packed and as released."""
    name, weights = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSSIA_WEIGHTS", weights)
        yield select_backend(name).ops


@pytest.fixture(scope="module")
def all_logits(all_logits: Any, ops: Ops) -> Any:
    return partial(all_logits, ops=ops)


@pytest.fixture(scope="module")
def model(ops: Ops) -> tuple[Params, Config]:
    return read(SyntheticCheckpoint(SHAPE, seed=4), ops)


def read(source: Any, ops: Ops) -> tuple[Params, Config]:
    config = Config.from_mapping(source.config)
    return prepare_params(source, config.num_layers, ops).params, config


@pytest.fixture(scope="module")
def one_pass(model: tuple[Params, Config], all_logits: Any) -> np.ndarray:
    return all_logits(*model, random_ids(0))


def test_logits_are_sane(one_pass: np.ndarray) -> None:
    """Or the tests of equal bits would hold of zeros and NaN too."""
    assert one_pass.shape == (LENGTH, SHAPE.vocabulary)
    assert np.isfinite(one_pass).all()
    assert one_pass.std(axis=1).min() > 0.1
    assert len(set(one_pass.argmax(axis=1).tolist())) > 20


def test_decoding_token_by_token_equals_one_pass(
    model: tuple[Params, Config], one_pass: np.ndarray, all_logits: Any
) -> None:
    logits = all_logits(*model, random_ids(0), [1] * LENGTH)
    np.testing.assert_array_equal(logits, one_pass)


@given(st.lists(st.integers(1, LENGTH - 1), max_size=6, unique=True))
@settings(max_examples=15)
def test_any_cut_into_chunks_equals_one_pass(
    model: tuple[Params, Config], one_pass: np.ndarray, all_logits: Any, cuts: list[int]
) -> None:
    chunks = np.diff([0, *sorted(cuts), LENGTH]).tolist()
    np.testing.assert_array_equal(all_logits(*model, random_ids(0), chunks), one_pass)


def test_sequences_of_one_batch_do_not_see_each_other(
    model: tuple[Params, Config], one_pass: np.ndarray, all_logits: Any, ops: Ops
) -> None:
    params, config = model
    prompts = [random_ids(1, 70), random_ids(0), random_ids(2, 1)]
    engine = Engine(params, config, ops, context=400)
    sequences = [engine.add(Request(tuple(ids))) for ids in prompts]
    for sequence, ids in zip(sequences, prompts, strict=True):
        assert engine.cache.grow(sequence, len(ids))
    batch = make_batch([Scheduled(s, len(ids)) for s, ids in zip(sequences, prompts, strict=True)])
    batch = replace(batch, output_rows=np.arange(271, dtype=np.int32))
    rope = rope_table(config.rope, config.head_dim)
    logits = forward(params, config, rope, batch, engine.cache.layers, ops)
    np.testing.assert_array_equal(logits[70:270], one_pass)
    np.testing.assert_array_equal(logits[:70], all_logits(params, config, prompts[0]))


def test_a_sliding_layer_forgets_and_a_full_one_does_not(
    model: tuple[Params, Config], all_logits: Any
) -> None:
    """With sliding layers alone, a token reaches as far as the windows of all layers together."""
    params, config = model
    sliding = replace(config, windows=(SHAPE.window,) * SHAPE.layers)
    one, other = random_ids(0), [7, *random_ids(0)[1:]]
    reach = SHAPE.layers * (SHAPE.window - 1)
    same = (all_logits(params, sliding, one) == all_logits(params, sliding, other)).all(axis=1)
    assert same[reach + 1 :].all()
    assert not same[: SHAPE.window].any()
    assert not (all_logits(params, config, one) == all_logits(params, config, other))[-1].all()


@pytest.mark.parametrize(
    "shape", [SHAPE, SyntheticShape.parse("2x64x4x4x2x517")], ids=["window_40", "window_128"]
)
def test_the_three_layouts_give_the_same_bits(
    shape: SyntheticShape, all_logits: Any, tmp_path: Path, ops: Ops
) -> None:
    drawn = SyntheticCheckpoint(shape, seed=4)
    logits = {}
    for source in (drawn, *_in_every_layout(drawn, tmp_path)):
        logits[source.layout] = all_logits(*read(source, ops), random_ids(0))
    assert set(logits) == set(Layout)
    for layout in Layout:
        np.testing.assert_array_equal(logits[layout], logits[Layout.SYNTHETIC])


def _in_every_layout(source: SyntheticCheckpoint, folder: Path) -> list[Any]:
    paths = {Layout.HF: "hf", Layout.OPENAI: "original", Layout.GGUF: "model.gguf"}
    for layout, name in paths.items():
        convert(source, folder / name, to=layout)
    opened = [open_checkpoint(folder / name) for name in paths.values()]
    assert [each.layout for each in opened] == list(paths)
    return opened


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, 3e38])
def test_damaged_weights_give_damaged_logits_and_no_warning(
    model: tuple[Params, Config], all_logits: Any, bad: float
) -> None:
    """The sampler then says so in one line; NumPy's warnings would come before it, in many."""
    params, config = model
    norm = np.ones(SHAPE.hidden, BF16)
    norm[5:9] = bad
    first = params.layers[0]
    damaged = replace(first, experts=replace(first.experts, norm=norm))
    logits = all_logits(replace(params, layers=(damaged, *params.layers[1:])), config, [1, 2, 3])
    assert logits.shape == (3, SHAPE.vocabulary)
