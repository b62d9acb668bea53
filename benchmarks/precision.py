"""What 8 bits change: the cpu backend's packed weights against the weights as released.

Runs the same random tokens through both (``OSSIA_WEIGHTS``) and compares what the model would say
next at every position: how often the likeliest token is the same, and the mean of the
Kullback-Leibler divergence from the exact distribution, in nats.

    benchmarks/precision.py ~/models/gpt-oss-20b --tokens 128
"""

import argparse
import os
from pathlib import Path

import numpy as np

from ossia import hub
from ossia.checkpoint import open_checkpoint
from ossia.model import Config, forward, prepare_params
from ossia.model.yarn import rope_table
from ossia.numerics.arrays import Float32, Int32
from ossia.ops.arrays import PAGE_SIZE, Batch, PageTable
from ossia.ops.select import select_backend


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="nano", help="a name or a path")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    path = hub.resolve(options.model)
    exact = logits_of(path, "released", options.tokens, options.seed)
    packed = logits_of(path, "packed", options.tokens, options.seed)
    same = (exact.argmax(axis=-1) == packed.argmax(axis=-1)).mean()
    print(f"{options.tokens} positions: likeliest token the same at {same:.2%}")
    print(f"mean KL {divergence(exact, packed):.5f} nats")
    spread = exact.std(axis=-1).mean()
    print(f"logits off by {np.abs(exact - packed).mean() / spread:.2%} of their spread on average")


def logits_of(path: Path, weights: str, num_tokens: int, seed: int) -> Float32:
    """Logits [tokens, vocabulary] of random tokens with weights held so."""
    os.environ["OSSIA_WEIGHTS"] = weights
    backend = select_backend("cpu")
    source = open_checkpoint(path)
    config = Config.from_mapping(source.config)
    prepared = prepare_params(source, config.num_layers, backend.ops)
    print(f"{backend.detail}; weights {prepared.holding}")
    ids = np.random.default_rng(seed).integers(0, config.vocabulary, num_tokens).astype(np.int32)
    num_pages = -(-num_tokens // PAGE_SIZE)
    pages = [
        backend.ops.allocate_pages(num_pages, config.kv_heads, config.head_dim)
        for _ in range(config.num_layers)
    ]
    rope = rope_table(config.rope, config.head_dim)
    batch = one_sequence(ids, num_pages)
    return forward(prepared.params, config, rope, batch, pages, backend.ops)


def one_sequence(ids: Int32, num_pages: int) -> Batch:
    """A batch of one prompt whose logits are all wanted."""
    places = np.arange(len(ids), dtype=np.int32)
    table = PageTable(np.arange(num_pages, dtype=np.int32)[None], places)
    starts = np.array([0, len(ids)], np.int32)
    return Batch(ids, places, starts, table, table, places)


def divergence(exact: Float32, other: Float32) -> float:
    """Mean over positions of KL(exact || other)."""
    log_p, log_q = (_log_softmax(logits.astype(np.float64)) for logits in (exact, other))
    return float((np.exp(log_p) * (log_p - log_q)).sum(axis=-1).mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


if __name__ == "__main__":
    main()
