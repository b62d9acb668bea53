"""``ossia import``: a model on this disk gets a name and stays where it is."""

import shutil
from pathlib import Path

import pytest
from tests.cli.store import places


def test_a_folder_and_a_file(ossia, model: Path, tmp_path: Path) -> None:
    home = places(tmp_path)
    done = ossia("import", model, env=home)
    assert done.stdout.startswith(f"random is now a name of {model} (Hugging Face, ")
    assert ossia("convert", model, tmp_path / "x (1).gguf", "--to", "gguf").returncode == 0
    done = ossia("import", "x (1).gguf", env=home, cwd=tmp_path)
    assert done.stdout.startswith(f"x-1- is now a name of {tmp_path}/x (1).gguf (GGUF, ")
    for name in ("random", "x-1-"):
        assert ossia("show", name, env=home, cwd="/").returncode == 0


def test_a_name_that_is_taken_wants_another(ossia, model: Path, tmp_path: Path) -> None:
    home = places(tmp_path)
    shutil.copytree(model, tmp_path / "gpt-oss-20b")
    done = ossia("import", tmp_path / "gpt-oss-20b", env=home)
    assert done.returncode == 2
    assert "always means openai/gpt-oss-20b" in done.stderr
    assert "say --name NAME" in done.stderr
    assert ossia("import", tmp_path / "gpt-oss-20b", "--name", "a", env=home).returncode == 0
    assert "is a name already" in ossia("import", model, "--name", "a", env=home).stderr


@pytest.mark.parametrize("path", ["", "nowhere", "/etc/passwd", "~no-such-user/x", "."])
def test_what_is_no_gpt_oss_gets_no_name(ossia, tmp_path: Path, path: str) -> None:
    home = places(tmp_path)
    done = ossia("import", path, "--name", "x", env=home, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert not (tmp_path / "home" / "names").exists()
