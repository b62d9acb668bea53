"""``ossia convert``: there and back, broken files, flags."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Spawn = Callable[..., pexpect.spawn]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_there_and_back_is_the_same(ossia: Run, model: Path, tmp_path: Path) -> None:
    there = ossia("convert", model, tmp_path / "m.gguf", "--to", "gguf")
    back = ossia("convert", tmp_path / "m.gguf", tmp_path / "hf", "--to", "hf")
    assert (there.returncode, back.returncode) == (0, 0), there.stderr + back.stderr
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (tmp_path / "hf" / name).read_bytes() == (model / name).read_bytes()


def test_all_layouts_answer_alike(ossia: Run, model: Path, tmp_path: Path) -> None:
    ossia("convert", model, tmp_path / "m.gguf", "--to", "gguf")
    answers = {
        ossia("run", path, "--seed", 5, "--max-tokens", 20, "hi").stdout
        for path in (model, tmp_path / "m.gguf")
    }
    assert len(answers) == 1


def test_a_broken_file_is_one_line(ossia: Run, model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").symlink_to(model / "config.json")
    (broken / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:9999])
    done = ossia("convert", broken, tmp_path / "out.gguf", "--to", "gguf")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert names(tmp_path) == ["broken"]


@pytest.mark.parametrize(
    "arguments", [["--to", "zip"], [], ["--to", "synthetic"]], ids=["zip", "none", "synthetic"]
)
def test_the_layout_must_be_one_of_three(
    ossia: Run, model: Path, tmp_path: Path, arguments: list[str]
) -> None:
    done = ossia("convert", model, tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert names(tmp_path) == []


def test_a_bar_on_a_terminal_goes_away(spawn: Spawn, model: Path, tmp_path: Path) -> None:
    child = spawn("convert", model, tmp_path / "m.gguf", "--to", "gguf", columns=40)
    child.expect("━")
    child.expect("m.gguf: ")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
