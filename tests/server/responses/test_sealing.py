"""Reasoning that clients carry: sealed, opened, kept over restarts, refused from others."""

import threading
from pathlib import Path

import pytest

from ossia.base.errors import InputError, ResourceError
from ossia.server.responses.sealing import NAME, Seal

TEXT = "27 + 58: seven and eight are fifteen\n<|end|> 열다섯"


def test_what_was_sealed_opens_after_a_restart(tmp_path: Path) -> None:
    sealed = Seal(tmp_path / "kept").close(TEXT)
    assert Seal(tmp_path / "kept").open(sealed) == TEXT
    assert (tmp_path / "kept" / NAME).stat().st_mode & 0o777 == 0o600
    assert "fifteen" not in sealed
    assert sealed.isascii()


def test_what_others_sealed_does_not_open(tmp_path: Path) -> None:
    seal = Seal(tmp_path)
    sealed = seal.close(TEXT)
    for place in range(0, len(sealed) - 4, 7):
        other = "A" if sealed[place] != "A" else "B"
        assert seal.open(sealed[:place] + other + sealed[place + 1 :]) is None
    for foreign in (Seal(None).close(TEXT), "", "é", "gAAAAA", sealed[:-8]):
        assert seal.open(foreign) is None


def test_the_same_text_is_never_sealed_alike() -> None:
    seal = Seal(None)
    assert seal.close(TEXT) != seal.close(TEXT)


def test_processes_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    seals: list[Seal] = []
    threads = [threading.Thread(target=lambda: seals.append(Seal(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = seals[0].close(TEXT)
    assert [seal.open(sealed) for seal in seals] == [TEXT] * 8
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_key_that_is_none(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("no key")
    with pytest.raises(InputError, match="remove it"):
        Seal(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="no key can be kept"):
        Seal(tmp_path / "file")
