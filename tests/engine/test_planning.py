"""What contexts take, before anything is loaded."""

import pytest

from ossia import hub
from ossia.checkpoint import open_checkpoint
from ossia.engine import planning
from ossia.engine.engine import MAX_RUNNING
from ossia.engine.planning import memory_of
from ossia.model import Config


@pytest.fixture(scope="module")
def config() -> Config:
    return Config.from_mapping(open_checkpoint(hub.resolve("nano")).config)


def test_contexts_take_more_the_longer_they_are(config: Config) -> None:
    rows = memory_of(config, 3_000_000, [1024, 256, 10**9], 4)
    assert {256, 1024} <= {row.context for row in rows}
    assert max(row.context for row in rows) <= config.max_context  # what no model takes is left out
    assert [row.kv_bytes for row in rows] == sorted({row.kv_bytes for row in rows})
    for row in rows:
        assert row.total_bytes == row.kv_bytes + 3_000_000
        assert row.fits == (row.num_at_once > 0)
        assert row.num_at_once <= MAX_RUNNING


def test_where_memory_is_short_long_contexts_do_not_fit(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "default_context", lambda *_: 256)
    rows = {row.context: row for row in memory_of(config, 0, [256, 1024], 4)}
    assert rows[256].fits
    assert not rows[1024].fits
    assert rows[1024].num_at_once == 0
