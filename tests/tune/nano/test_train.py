"""The recipe in small: a few steps, written out, read back, and the same logits as in training."""

from pathlib import Path

import numpy as np
import pytest

from ossia.numerics.arrays import Mxfp4Array
from ossia.tokenizer import Tokenizer

pytestmark = pytest.mark.oracle
torch = pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("transformers", reason="training needs transformers")


def test_a_short_run_learns_is_written_and_is_read_as_it_was(
    tmp_path: Path, tokenizer: Tokenizer, vocabulary_file: Path
) -> None:
    from ossia.checkpoint import open_checkpoint
    from ossia.tune.nano.__main__ import write
    from ossia.tune.nano.train import Report, Schedule, make_model, train, write_log

    schedule = Schedule(steps=16, batch_tokens=1024, warmup=4, report_every=4)
    reports: list[Report] = []
    model = make_model(schedule.seed)
    train(model, tokenizer, schedule, reports.append)
    assert [report.step for report in reports] == [4, 8, 12, 16]
    assert reports[-1].loss < reports[0].loss
    write_log(tmp_path / "log.jsonl")(reports[0])

    source = open_checkpoint(write(model, vocabulary_file, tmp_path))
    gate = source.read("layers.0.experts.gate")
    assert isinstance(gate, Mxfp4Array)
    trained = model.model.layers[0].mlp.experts.gate_up_proj.detach().float().numpy()
    from ossia.numerics.dequantize import to_float32

    np.testing.assert_array_equal(to_float32(gate), trained[..., ::2].transpose(0, 2, 1))


def test_the_learning_rate_warms_up_and_falls() -> None:
    from ossia.tune.nano.train import Schedule

    schedule = Schedule(steps=100, warmup=10)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[9] == max(rates) == schedule.learning_rate
    assert rates[-1] < 0.02 * schedule.learning_rate
