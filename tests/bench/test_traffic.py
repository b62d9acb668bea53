"""Bytes that a token reads, counted a second time from the checkpoint's own list of tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ossia.bench.traffic import formats, nbytes_of, traffic_of
from ossia.checkpoint import open_checkpoint
from ossia.model import Config, load_params
from ossia.model.params import LayerParams
from ossia.numerics.arrays import Q8Array
from ossia.numerics.tiles import tile
from ossia.ops import reference
from ossia.ops.arrays import PAGE_SIZE, KVPages


@pytest.fixture
def source(model: Path):
    return open_checkpoint(model)


def pages_of(config: Config, num_pages: int) -> Sequence[KVPages]:
    return [
        reference.allocate_pages(num_pages, config.kv_heads, config.head_dim)
        for _ in config.windows
    ]


def test_weights(source) -> None:
    config = Config.from_mapping(source.config)
    params = load_params(source, config.num_layers)
    traffic = traffic_of(params, config, pages_of(config, 8), 1)
    in_experts = {
        name: info.nbytes
        for name, info in source.tensors.items()
        if name.split(".")[-1].split("_")[0] in ("gate", "up", "down")
    }
    assert len(in_experts) == 6 * config.num_layers
    assert traffic.experts == sum(in_experts.values()) // 2  # 4 of 8
    everything = sum(info.nbytes for info in source.tensors.values())
    embedding = source.tensors["embedding"].nbytes
    one_row = embedding // config.vocabulary
    assert traffic.dense == everything - sum(in_experts.values()) - embedding + one_row
    assert traffic.total == traffic.experts + traffic.dense + traffic.kv


@pytest.mark.parametrize("num_seen", [1, 100, 128, 129, 2000])
def test_keys_and_values_of_what_a_token_sees(source, num_seen: int) -> None:
    config = Config.from_mapping(source.config)
    params = load_params(source, config.num_layers)
    num_pages = -(-num_seen // PAGE_SIZE)
    traffic = traffic_of(params, config, pages_of(config, num_pages), num_seen)
    a_token = 2 * config.kv_heads * config.head_dim * 4  # the reference keeps float32
    assert config.windows == (128, None, 128, None)
    assert traffic.kv == 2 * a_token * num_seen + 2 * a_token * min(num_seen, 128)


def test_formats(source) -> None:
    params = load_params(source, 4)
    assert formats(params) == {
        "experts": "MXFP4",
        "attention": "bfloat16",
        "unembedding": "bfloat16",
    }


def test_formats_of_packed_weights(source) -> None:
    params = load_params(source, 4)
    layer = params.layers[0]
    q = tile(Q8Array(np.zeros((16, 2, 32), np.int8), np.ones((16, 2), np.float16)))
    packed = replace(
        params,
        layers=(
            LayerParams(
                replace(layer.attention, q=q),
                replace(layer.experts, gate=tile(layer.experts.gate)),
            ),
        ),
    )
    told = formats(packed)
    assert told["experts"] == "MXFP4 in tiles"
    assert told["attention"] == "Q8_0 in tiles"
    assert nbytes_of(q) == 16 * 2 * 34


def test_bytes_of_whatever_a_backend_holds() -> None:
    @dataclass(frozen=True)
    class Packed:
        tiles: np.ndarray
        scales: np.ndarray
        rows: int

    packed = Packed(np.zeros(100, np.uint8), np.zeros(3, np.float16), 7)
    assert nbytes_of(packed) == 106
    q8 = Q8Array(np.zeros((2, 1, 32), np.int8), np.zeros((2, 1), np.float16))
    assert nbytes_of(q8) == 68
