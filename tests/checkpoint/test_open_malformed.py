"""Every hostile file that is kept ends in one clear line, with little memory and soon."""

import json
import runpy
import tracemalloc
from pathlib import Path

import pytest

from ossia.base.errors import CheckpointError
from ossia.checkpoint.open import open_checkpoint

FOLDER = Path(__file__).parents[1] / "malformed" / "checkpoint"
EXPECTED: dict[str, str] = json.loads((FOLDER / "expected.json").read_text())


def _place(name: str, folder: Path) -> Path:
    """A hostile file where a checkpoint has such a file; what is to be opened."""
    data = (FOLDER / name).read_bytes()
    if name.endswith(".gguf"):
        (folder / name).write_bytes(data)
        return folder / name
    (folder / "config.json").write_bytes((FOLDER / "good.json").read_bytes())
    usual = {".index.json": "model.safetensors.index.json", ".config.json": "config.json"}
    place = next((usual[end] for end in usual if name.endswith(end)), "model.safetensors")
    (folder / place).write_bytes(data)
    return folder


@pytest.mark.parametrize("name", EXPECTED)
def test_one_clear_line(name: str, tmp_path: Path) -> None:
    path = _place(name, tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=EXPECTED[name]) as caught:
            open_checkpoint(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < len(str(tmp_path)) + 400
    assert message.startswith(str(tmp_path))
    assert caught.value.exit_code == 2


def test_the_files_are_those_that_the_script_makes() -> None:
    made = runpy.run_path(str(FOLDER / "make.py"))["files"]()
    assert {name: message for name, (_, message) in made.items()} == EXPECTED
    for name, (data, _) in made.items():
        assert (FOLDER / name).read_bytes() == data, name
    kept = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert kept == {*made, "make.py", "expected.json", "good.json"}
