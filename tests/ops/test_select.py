import pytest

from ossia.base.errors import BackendError
from ossia.ops import reference
from ossia.ops.select import PRIORITY, select_backend
from ossia.ops.spec import OP_NAMES


def test_the_reference_backend_has_every_op() -> None:
    assert set(OP_NAMES) == set(reference.__all__)


def test_every_backend_is_complete_or_refused() -> None:
    for name in PRIORITY:
        try:
            backend = select_backend(name)
        except BackendError as error:
            assert name in str(error)
        else:
            assert all(callable(getattr(backend.ops, op)) for op in OP_NAMES)


def test_the_choice_gives_its_reason() -> None:
    backend = select_backend()
    assert backend.reason.endswith("the best that can run here")


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_BACKEND", "reference")
    assert select_backend().reason == "set by OSSIA_BACKEND"
    monkeypatch.setenv("OSSIA_BACKEND", "abacus")
    with pytest.raises(BackendError, match="abacus.*reference"):
        select_backend()
    assert select_backend("reference").reason == "asked for"
