"""``ossia rm``: asks, removes what ossia pulled, and nothing else ever."""

import shutil
from pathlib import Path

import pytest
from tests.cli.store import NAME, places, pull_nano

from ossia.checkpoint import packed


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return places(tmp_path)


@pytest.fixture
def mine(model: Path, tmp_path: Path) -> Path:
    """A model that lies elsewhere, with a file that ossia packed from it, and one of another's."""
    path = tmp_path / "elsewhere" / "mine"
    shutil.copytree(model, path)
    beside = path / ".ossia"
    beside.mkdir()
    (beside / "notes.safetensors").write_text("not ossia's")
    return path


def pack(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the cpu backend would keep beside a larger model."""
    from ossia.checkpoint import open_checkpoint
    from ossia.model import Config, prepare
    from ossia.ops.select import select_backend

    monkeypatch.setattr(prepare, "SMALL_BYTES", 0)
    source = open_checkpoint(path)
    layers = Config.from_mapping(source.config).num_layers
    prepare.prepare_params(source, layers, select_backend("cpu").ops)
    (found,) = packed.packed_files(source)
    return found


def test_it_asks_and_any_other_answer_is_no(spawn, home: dict[str, str]) -> None:
    folder = pull_nano(home)
    for answer in ("n", ""):
        child = spawn("rm", NAME, **home)
        child.expect(r"Remove somebody/nano-tuned.*\[y/N\] ")
        child.sendline(answer)
        child.expect("EOF|$")
        child.wait()
        assert folder.exists()
    child = spawn("rm", NAME, **home)
    child.expect(r"\[y/N\] ")
    child.sendline("y")
    child.expect(r"removed somebody/nano-tuned: 3\.1 MB")
    child.wait()
    assert not folder.exists()


def test_without_a_terminal_it_wants_yes(ossia, home: dict[str, str]) -> None:
    folder = pull_nano(home)
    done = ossia("rm", NAME, env=home)
    assert done.returncode == 2
    assert "say --yes" in done.stderr
    assert folder.exists()
    done = ossia("rm", NAME, "--yes", env=home)
    assert done.stdout.startswith(f"removed {NAME}: 3.1 MB")
    assert not folder.exists()
    done = ossia("rm", NAME, "--yes", env=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_what_lies_elsewhere_stays_but_for_what_ossia_packed(
    ossia, home: dict[str, str], mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_size for path in mine.rglob("*") if path.is_file()}
    made = pack(mine, monkeypatch)
    assert made.parent == mine / ".ossia"
    for name in ("mine", "second"):
        assert ossia("import", mine, "--name", name, env=home).returncode == 0
    done = ossia("rm", "second", "--yes", env=home)
    assert done.stdout == "forgot second\n"
    assert made.exists()  # "mine" uses it
    done = ossia("rm", "mine", "--yes", env=home)
    assert done.stdout == f"forgot mine, 1 packed file removed; {mine} is still there\n"
    assert {path: path.stat().st_size for path in mine.rglob("*") if path.is_file()} == before


def test_the_hugging_face_cache_stays_but_for_what_ossia_packed(
    ossia, home: dict[str, str], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = Path(home["HF_HUB_CACHE"]) / "models--openai--gpt-oss-20b" / "snapshots" / "abc"
    shutil.copytree(model, snapshot)
    refused = ossia("rm", "gpt-oss:20b", "--yes", env=home)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "hf cache rm does" in refused.stderr
    made = pack(snapshot, monkeypatch)
    assert ossia("rm", "gpt-oss:20b", "--yes", env=home).returncode == 0
    assert not made.parent.exists()
    assert (snapshot / "model.safetensors").exists()


def test_removed_while_it_runs(spawn, ossia, home: dict[str, str]) -> None:
    """Who talks with it goes on; who asks is told who that is."""
    folder = pull_nano(home)
    talk = spawn("run", NAME, "--temperature", "0", **home)
    talk.expect("/help")
    talk.sendline("What is 27 + 58?")
    talk.expect("= 85")
    asked = spawn("rm", NAME, **home)
    asked.expect(rf"It runs now \(process {talk.pid}\)")
    asked.expect(r"\[y/N\] ")
    asked.sendline("y")
    asked.expect("removed")
    asked.wait()
    assert not folder.exists()
    talk.sendline("What is 12 + 30?")
    talk.expect("= 42")
    talk.sendline("/bye")
    talk.expect("EOF|$")
    gone = ossia("run", NAME, "1 + 1", env=home)
    assert gone.returncode == 2
    assert "ossia pull somebody/nano-tuned" in gone.stderr


@pytest.mark.parametrize(
    "name", ["../models", "/tmp", "nano", "openai/../..", "qqq", "gpt-oss:20b"]
)
def test_what_cannot_be_removed_is_one_line(ossia, home: dict[str, str], name: str) -> None:
    done = ossia("rm", name, "--yes", env=home)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_several_at_once_second_names_first(ossia, home: dict[str, str]) -> None:
    folder = pull_nano(home)
    assert ossia("cp", NAME, "mine", env=home).returncode == 0
    refused = ossia("rm", NAME, "--yes", env=home)
    assert "ossia rm mine somebody/nano-tuned" in refused.stderr
    assert folder.exists()
    done = ossia("rm", "mine", NAME, "--yes", env=home)
    assert done.returncode == 0
    assert not folder.exists()
    names = Path(home["OSSIA_HOME"]) / "names"
    assert [path.name for path in names.iterdir()] == [".lock"]
