import sys
from importlib import import_module
from types import SimpleNamespace

import pytest

from ossia.base.errors import BackendError
from ossia.ops import reference, select
from ossia.ops.select import PRIORITY, select_backend
from ossia.ops.spec import OP_NAMES


def test_the_reference_backend_has_every_op() -> None:
    assert set(OP_NAMES) == set(reference.__all__)


@pytest.mark.parametrize("name", PRIORITY)
def test_every_backend_is_complete_or_refused(name: str) -> None:
    ops = import_module(f"ossia.ops.{name}")
    if all(callable(getattr(ops, op, None)) for op in OP_NAMES):
        assert select_backend(name).ops is ops
    else:
        with pytest.raises(BackendError, match=f"backend {name} .* ops"):
            select_backend(name)


def test_the_choice_gives_its_reason_and_what_was_passed_over() -> None:
    backend = select_backend()
    assert backend.reason.startswith("the fastest that is complete")
    for faster in PRIORITY[: PRIORITY.index(backend.name)]:
        assert f"{faster} " in backend.reason


@pytest.fixture
def half_a_backend(monkeypatch: pytest.MonkeyPatch) -> str:
    """A backend that is the first choice and lacks two ops."""
    ops = {name: getattr(reference, name) for name in OP_NAMES if name not in ("rope", "route")}
    monkeypatch.setitem(sys.modules, "ossia.ops.half", SimpleNamespace(**ops))
    monkeypatch.setattr(select, "PRIORITY", ("half", *PRIORITY))
    return "half"


def test_an_incomplete_backend_is_passed_over_by_name(half_a_backend: str) -> None:
    backend = select_backend()
    assert backend.name != half_a_backend
    assert "(half lacks 2 of 14 ops: rope, route" in backend.reason


def test_an_incomplete_backend_that_was_asked_for_is_refused(
    half_a_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "backend half lacks 2 of 14 ops: rope, route, so it cannot run a model; "
    with pytest.raises(BackendError, match=words + "leave --backend out"):
        select_backend(half_a_backend)
    monkeypatch.setenv("OSSIA_BACKEND", half_a_backend)
    with pytest.raises(BackendError, match=words + "unset OSSIA_BACKEND"):
        select_backend()


def test_no_complete_backend_is_an_error(
    half_a_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "PRIORITY", (half_a_backend,))
    with pytest.raises(BackendError, match="no backend can run a model here: half lacks 2 of 14"):
        select_backend()


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_BACKEND", "reference")
    assert select_backend().reason == "set by OSSIA_BACKEND"
    monkeypatch.setenv("OSSIA_BACKEND", "abacus")
    with pytest.raises(BackendError, match=r"abacus.*reference"):
        select_backend()
    assert select_backend("reference").reason == "asked for"
