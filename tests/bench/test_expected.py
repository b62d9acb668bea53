"""Bytes that a token will read, from a configuration, beside the arrays that are then there."""

import pytest

from ossia.bench.expected import SHARES, Expectation, expected_traffic, measure_bandwidth
from ossia.bench.traffic import Traffic, traffic_of
from ossia.checkpoint import SyntheticCheckpoint, SyntheticShape, open_checkpoint
from ossia.hub import resolve
from ossia.model import Config, prepare_params
from ossia.ops.arrays import PAGE_SIZE
from ossia.ops.select import select_backend


@pytest.mark.parametrize("shape", ["nano", "3x96x6x4x2x300", "2x64x4x4x1x70"])
@pytest.mark.parametrize("num_seen", [1, 100, 800])
def test_it_is_what_the_packed_arrays_hold(
    shape: str, num_seen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSSIA_WEIGHTS", "memory")
    source = (
        open_checkpoint(resolve(shape))
        if shape == "nano"
        else SyntheticCheckpoint(SyntheticShape.parse(shape))
    )
    config = Config.from_mapping(source.config)
    ops = select_backend("cpu").ops
    params = prepare_params(source, config.num_layers, ops).params
    num_pages = -(-num_seen // PAGE_SIZE)
    pages = [
        ops.allocate_pages(num_pages, config.kv_heads, config.head_dim) for _ in config.windows
    ]
    counted = traffic_of(params, config, pages, num_seen)
    expected = expected_traffic(config, num_seen, ops.kv_item_bytes())
    assert expected == counted


def test_the_20b_shape_is_what_the_log_says() -> None:
    """2.56 GB: 1.27 of experts, 0.68 of attention's matrices, 0.62 of unembedding."""
    config = Config.from_mapping(SyntheticShape.parse("20b").to_config())
    traffic = expected_traffic(config, 64, 2)
    assert traffic.total == pytest.approx(2.56e9, rel=0.01)
    assert traffic.experts == pytest.approx(1.27e9, rel=0.01)


def test_tokens_a_second_are_a_share_of_the_bandwidth() -> None:
    expectation = Expectation(Traffic(experts=500, dense=400, kv=100), bandwidth=1e6)
    assert expectation.tokens_per_second == tuple(1000 * share for share in SHARES)


def test_memory_is_read_at_some_speed() -> None:
    assert 1e8 < measure_bandwidth() < 1e13
