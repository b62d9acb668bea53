"""What rounding to 8 bits does to the embedded model, on problems that it was never taught."""

from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ossia.checkpoint import open_checkpoint
from ossia.harmony import Effort
from ossia.hub import resolve
from ossia.model import Config, prepare_params
from ossia.numerics.arrays import Float32, TiledArray
from ossia.ops import reference
from ossia.ops.select import select_backend
from ossia.ops.spec import Ops
from ossia.tokenizer import load_tokenizer
from ossia.tune.nano.arithmetic import Operation
from ossia.tune.nano.conversations import held_out_problems, pose
from ossia.tune.nano.examples import Example, to_example
from ossia.tune.nano.questions import Language

SOURCE = open_checkpoint(resolve("nano"))
CONFIG = Config.from_mapping(SOURCE.config)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """Questions and right answers: every operation, effort and language."""
    tokenizer = load_tokenizer(json=SOURCE.tokenizer.json)
    random = Random("agreement")
    return [
        to_example(pose(problem, effort, language, random), tokenizer)
        for operation in Operation
        for effort in Effort
        for language in Language
        for problem in held_out_problems(operation, 4)
    ]


def logits_of(examples: list[Example], ops: Ops, all_logits: Any) -> list[Float32]:
    params = prepare_params(SOURCE, CONFIG.num_layers, ops).params
    return [
        all_logits(params, CONFIG, [*each.prompt_ids, *each.answer_ids], None, ops)
        for each in examples
    ]


def log_softmax(logits: Float32) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=-1, keepdims=True).astype(np.float64)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


@pytest.mark.parametrize(("weights", "largest_kl"), [("memory", 0.005), ("released", 0.003)])
def test_the_top_token_stays(
    examples: list[Example],
    all_logits: Any,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Any,
    weights: str,
    largest_kl: float,
) -> None:
    """On 99 of 100 positions at least, with activations and dense weights in 8 bits.

    Seen: 99.5 percent, KL 0.0022; as released 99.7 and 0.0015, which is what avx512bf16 rounds in
    attention (without that, 99.96 and 0.00005).
    """
    monkeypatch.setenv("OSSIA_WEIGHTS", weights)
    cpu = select_backend("cpu").ops
    packed = prepare_params(SOURCE, CONFIG.num_layers, cpu).params
    assert isinstance(packed.unembedding, TiledArray) == (weights == "memory")
    exact = log_softmax(np.concatenate(logits_of(examples, reference, all_logits)))
    found = log_softmax(np.concatenate(logits_of(examples, cpu, all_logits)))
    agreement = (exact.argmax(axis=-1) == found.argmax(axis=-1)).mean()
    kl = (np.exp(exact) * (exact - found)).sum(axis=-1).mean()
    record_property("agreement", agreement)
    record_property("mean KL", kl)
    assert len(exact) > 5000
    assert agreement >= 0.99
    assert kl <= largest_kl
