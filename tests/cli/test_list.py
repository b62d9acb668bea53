"""``ossia list``: what is here, what it is called, and what is wrong with it."""

import json
from pathlib import Path

import pytest
from tests.cli.store import NAME, places, pull_nano


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return places(tmp_path)


def rows(ossia, home: dict[str, str]) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(ossia("list", "--json", env=home).stdout)}


def test_at_first_there_is_nano(ossia, home: dict[str, str]) -> None:
    told = ossia("list", env=home)
    assert told.stdout.splitlines()[0].split() == [
        *("NAME", "SIZE", "FORMAT", "CONTEXT", "USED", "STANDS", "FOR")
    ]
    assert told.stdout.splitlines()[1].split() == [
        "nano",
        "3.1",
        "MB",
        "Hugging",
        "Face",
        "131,072",
    ]
    assert not Path(home["OSSIA_HOME"]).exists()  # looking makes nothing


def test_every_kind_of_model_has_a_row(ossia, home: dict[str, str], model: Path) -> None:
    folder = pull_nano(home)
    snapshot = Path(home["HF_HUB_CACHE"]) / "models--openai--gpt-oss-20b" / "snapshots" / "abc"
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(model)
    (snapshot.parents[2] / "models--bert--base" / "snapshots" / "abc").mkdir(parents=True)
    assert ossia("import", model, "--name", "mine", env=home).returncode == 0
    assert ossia("create", "pirate", "--from", NAME, "--system", "Arr", env=home).returncode == 0
    found = rows(ossia, home)
    assert set(found) == {"nano", NAME, "openai/gpt-oss-20b", "mine", "pirate"}
    assert found[NAME]["size"] == (folder / "model.safetensors").stat().st_size
    assert found[NAME]["pulled"] > 1.7e9
    assert found["mine"]["about"] == str(model)
    assert found["mine"]["context"] == found["openai/gpt-oss-20b"]["context"] == 131_072
    assert found["pirate"]["about"] == f"persona of {NAME}"
    assert found["pirate"]["size"] is None


def test_using_a_model_is_seen(ossia, home: dict[str, str]) -> None:
    import os

    folder = pull_nano(home)
    os.utime(folder / "model.json", (1.7e9, 1.7e9))
    assert "days ago" in ossia("list", env=home).stdout
    assert ossia("show", NAME, env=home).returncode == 0
    assert "days ago" in ossia("list", env=home).stdout  # looking is no use
    assert ossia("run", NAME, "1 + 1", env=home).returncode == 0
    assert "just now" in ossia("list", env=home).stdout


def test_what_is_broken_is_told_in_its_row(ossia, home: dict[str, str], tmp_path: Path) -> None:
    folder = pull_nano(home)
    (folder / "model.safetensors").write_bytes(b"x")
    names = Path(home["OSSIA_HOME"]) / "names"
    names.mkdir()
    (names / "bad.toml").write_text("model =")
    (names / "gone.toml").write_text(f'model = "{tmp_path}/nowhere"')
    (Path(home["OSSIA_HOME"]) / "models" / "openai" / "gpt-oss-120b").mkdir(parents=True)
    told = ossia("list", env=home)
    assert (told.returncode, told.stderr) == (0, "")
    found = rows(ossia, home)
    assert "cannot be opened" in found[NAME]["about"]
    assert "no persona" in found["bad"]["about"]
    assert "cannot be opened" in found["gone"]["about"]
    assert "ossia pull openai/gpt-oss-120b goes on" in found["openai/gpt-oss-120b"]["about"]
    (folder / "model.json").write_text("{")
    assert "damaged manifest" in ossia("list", env=home).stdout


@pytest.mark.parametrize("columns", [40, 80])
def test_a_narrow_terminal_gets_lines_instead_of_a_table(
    spawn, home: dict[str, str], columns: int
) -> None:
    pull_nano(home)
    child = spawn("list", columns=columns, **home)
    child.expect(r"somebody/nano-tuned\s+3\.1 MB.*Hugging Face.*131,072")
    child.expect("\n")
    child.wait()
