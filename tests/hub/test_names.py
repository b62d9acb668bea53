"""Names of models: the embedded one, paths, and what is neither."""

from pathlib import Path

import pytest

from ossia.base.errors import InputError
from ossia.hub import EMBEDDED, resolve


def test_nano_is_a_folder_of_the_package() -> None:
    assert resolve("nano") == EMBEDDED["nano"]
    assert EMBEDDED["nano"].parent.name == "hub"


def test_a_name_wins_over_a_folder_called_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nano").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve("nano") == EMBEDDED["nano"]
    assert resolve("./nano") == Path("nano")


def test_a_path_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.gguf").touch()
    assert resolve(str(tmp_path / "m.gguf")) == tmp_path / "m.gguf"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/m.gguf") == tmp_path / "m.gguf"


@pytest.mark.parametrize(
    "name", ["", "nanno", "/nowhere/at/all", "a\0b", "~no-such-user/m", "n" * 300]
)
def test_what_is_neither_is_told_what_there_is(name: str) -> None:
    with pytest.raises(InputError, match="nano"):
        resolve(name)
