"""All checks in order, and what they come to."""

import hashlib
import shutil
from pathlib import Path

import pytest

from ossia import hub
from ossia.base.errors import InputError
from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape, convert
from ossia.hub import EMBEDDED, HubName, store
from ossia.hub.store import StoredFile
from ossia.verify import Check, Outcome, Verdict, numbers, verify

NAME = HubName("somebody", "nano-tuned")


def verdict_of(name: str, **options: bool) -> Verdict:
    steps = verify(name, **options)
    told = []
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            verdict: Verdict = end.value
            assert list(verdict.checks) == told
            return verdict
        if isinstance(step, Check):
            told.append(step)


@pytest.fixture
def pulled() -> Path:
    """nano in the store, as if it had been pulled."""
    folder = store.folder_of(NAME)
    shutil.copytree(EMBEDDED["nano"], folder)
    files = tuple(
        StoredFile(p.name, p.stat().st_size, hashlib.sha256(p.read_bytes()).hexdigest())
        for p in sorted(folder.iterdir())
    )
    store.record(NAME, "c" * 40, "apache-2.0", files)
    return folder


def test_nano_is_right() -> None:
    verdict = verdict_of("nano")
    assert verdict.is_right
    assert verdict.model == "nano"
    assert {check.name: check.outcome for check in verdict.checks} == {
        "files": Outcome.NOT_RUN,
        "known continuations": Outcome.PASSED,
        "token by token": Outcome.PASSED,
        "past the window": Outcome.PASSED,
        "past 4,096 tokens": Outcome.PASSED,
        "cpu against reference": Outcome.PASSED,
    }
    assert set(verdict.about) == {"ossia", "processor", "files", "shape", "backend", "weights"}


def test_a_pulled_model_has_hashes_and_no_path_is_told(pulled: Path) -> None:
    verdict = verdict_of(str(NAME))
    assert verdict.is_right
    assert verdict.model == "somebody/nano-tuned"
    assert verdict.checks[0].outcome is Outcome.PASSED
    assert verdict.checks[1].outcome is Outcome.NOT_RUN  # nobody knows how this one goes on
    assert str(pulled) not in str(verdict)


def test_damaged_files_end_it(pulled: Path) -> None:
    data = bytearray((pulled / "model.safetensors").read_bytes())
    data[-100] ^= 1
    (pulled / "model.safetensors").write_bytes(data)
    verdict = verdict_of(str(NAME))
    assert not verdict.is_right
    assert not verdict.is_computed
    assert len(verdict.checks) == 1
    assert verdict.checks[0].outcome is Outcome.FAILED


def test_what_would_take_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "SECONDS_OF_PROMPT", 0.0)
    check = verdict_of("nano").checks[4]
    assert (check.name, check.outcome) == ("past 4,096 tokens", Outcome.NOT_RUN)
    assert verdict_of("nano", is_long=True).checks[4].outcome is Outcome.PASSED


def test_a_model_without_a_vocabulary_is_computed_with_random_ids(tmp_path: Path) -> None:
    convert(SyntheticCheckpoint(SyntheticShape.parse("2x64x4")), tmp_path / "m", to=Layout.HF)
    verdict = verdict_of(str(tmp_path / "m"))
    assert verdict.is_right
    assert verdict.model == "m"


def test_no_model_is_an_error() -> None:
    with pytest.raises(InputError):
        verdict_of("nanno")
    assert hub.missing("nano") is None
