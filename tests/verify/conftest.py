"""nano on both backends, and on backends with a fault, which the checks must find."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ossia.checkpoint import open_checkpoint
from ossia.hub import EMBEDDED
from ossia.ops.spec import OP_NAMES
from ossia.tokenizer import Tokenizer, load_tokenizer
from ossia.verify.checks import Check, Progress
from ossia.verify.passage import Loaded


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return load_tokenizer(json=EMBEDDED["nano"] / "tokenizer.json")


@pytest.fixture(scope="session")
def reference() -> Loaded:
    return Loaded.load(open_checkpoint(EMBEDDED["nano"]), "reference")


@pytest.fixture(scope="session", params=["cpu", "reference"])
def nano(request: pytest.FixtureRequest) -> Loaded:
    return Loaded.load(open_checkpoint(EMBEDDED["nano"]), request.param)


def with_fault(model: Loaded, op: str, faulty: Callable[..., Any]) -> Loaded:
    """The model on a backend one op of which is another; it is given the right one first."""
    ops = model.backend.ops
    right = getattr(ops, op)
    named: dict[str, Any] = {name: getattr(ops, name) for name in OP_NAMES}
    named[op] = lambda *args, **rest: faulty(right, *args, **rest)
    return replace(model, backend=replace(model.backend, ops=SimpleNamespace(**named)))


def outcome(checking: Generator[Progress, None, Check]) -> Check:
    """Runs a check to its end; its progress must be sound."""
    last = 0
    while True:
        try:
            progress = next(checking)
        except StopIteration as end:
            check: Check = end.value
            return check
        assert last <= progress.num_done <= progress.num_all
        last = progress.num_done
