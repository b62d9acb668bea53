"""How tests of the model run it: one sequence, any chunking, logits of every position."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from ossia.engine import Engine, Request
from ossia.engine.batching import make_batch
from ossia.engine.scheduler import Scheduled
from ossia.model import Config, Params, forward
from ossia.model.yarn import rope_table
from ossia.numerics.arrays import Float32
from ossia.ops import reference
from ossia.ops.spec import Ops

AllLogits = Callable[..., Float32]


@pytest.fixture(scope="session")
def all_logits() -> AllLogits:
    def run(
        params: Params,
        config: Config,
        token_ids: Sequence[int],
        chunks: Sequence[int] | None = None,
        ops: Ops = reference,
    ) -> Float32:
        """Logits [tokens, vocabulary] of every position, fed in chunks of the given lengths."""
        engine = Engine(params, config, ops, context=len(token_ids) + 1)
        sequence = engine.add(Request(tuple(token_ids)))
        rope = rope_table(config.rope, config.head_dim)
        logits = []
        for length in chunks or [len(token_ids)]:
            grown = engine.cache.grow(sequence, sequence.num_stored + length)
            assert grown, "chunks too long for the window"
            batch = make_batch([Scheduled(sequence, length)])
            batch = replace(batch, output_rows=np.arange(length, dtype=np.int32))
            logits.append(forward(params, config, rope, batch, engine.cache.layers, ops))
            sequence.num_stored += length
            engine.cache.advance(sequence)
        return np.concatenate(logits)

    return run
