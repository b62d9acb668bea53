"""A whole measurement of a small model; figures are checked against each other, never a time."""

from pathlib import Path

import pytest

from ossia.base.errors import BackendError, CheckpointError, InputError
from ossia.bench import Bench, Progress, Report, Workload, measurement
from ossia.ops.cpu import bandwidth


@pytest.fixture(autouse=True)
def _small_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    make = bandwidth.probe_memory
    monkeypatch.setattr(measurement, "probe_memory", lambda: make(1 << 20))


def measure(model: Path, **sizes: int) -> tuple[list[Progress], Report]:
    bench = Bench(str(model), Workload(**sizes), "reference")
    *progress, report = bench.run()
    assert isinstance(report, Report)
    bench.engine.check_integrity()
    return progress, report


def test_without_context(model: Path) -> None:
    progress, report = measure(model, prompt=40, decode=8, repeat=3)
    assert report.decode_at_context is None
    assert report.backend == "reference"
    assert report.instruction_set is None
    assert report.decode.context == 44
    assert not report.decode.is_random
    assert {each.stage for each in progress} == {
        "warming up",
        "prompt",
        "decoding",
        "timing every op",
    }
    assert {each.repeat for each in progress} == {None, 1, 2, 3}
    assert all(0 <= each.num_done < each.num_tokens for each in progress)


def test_figures_agree(model: Path) -> None:
    _, report = measure(model, prompt=600, decode=4, repeat=2, context=300)
    assert report.prefill.median == pytest.approx(600 / report.time_to_first_token.median, rel=0.5)
    assert report.prefill.highest == pytest.approx(600 / report.time_to_first_token.lowest)
    at_context = report.decode_at_context
    assert at_context is not None
    assert (at_context.context, at_context.is_random) == (303, True)
    for decode in (report.decode, at_context):
        reads = decode.floor * decode.traffic.total  # bytes a second
        assert report.bandwidth.lowest <= reads <= report.bandwidth.highest
        share = decode.share_of_floor
        assert 0 < share.lowest <= share.median <= share.highest
    assert report.decode.traffic.kv > at_context.traffic.kv
    assert report.peak_bytes is None or report.peak_bytes > 10 << 20


def test_a_step_is_its_ops_and_the_rest(model: Path) -> None:
    _, report = measure(model, prompt=5, decode=3, repeat=1)
    step = report.step
    assert sum(step.ops.values()) + step.outside == pytest.approx(step.seconds)
    assert step.outside > 0
    assert {"linear", "attention", "experts", "rms_norm"} <= step.ops.keys()
    assert list(step.ops.values()) == sorted(step.ops.values(), reverse=True)


def test_the_shortest_of_all(model: Path) -> None:
    _, report = measure(model, prompt=1, decode=1, repeat=1, context=1)
    assert report.decode.tokens_per_second.median > 0


def test_stopping_frees_all_pages(model: Path) -> None:
    workload = Workload(prompt=40, decode=8, repeat=1, context=100)
    total = len(list(Bench(str(model), workload, "reference").run()))
    for num_stages in range(0, total, 3):
        bench = Bench(str(model), workload, "reference")
        stages = bench.run()
        for _ in range(num_stages):
            next(stages)
        stages.close()
        assert not bench.engine.has_work
        bench.engine.check_integrity()


def test_what_cannot_be_had_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="context of 131138"):
        Bench(str(model), Workload(prompt=131_073), "reference")
    with pytest.raises(BackendError, match="no backend"):
        Bench(str(model), Workload(), "abacus")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError):
        Bench(str(tmp_path), Workload())
