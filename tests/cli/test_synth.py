"""``ossia synth``: shapes, vocabularies, a full disk, a killed process."""

import base64
import json
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_the_same_seed_writes_the_same_bytes(ossia: Run, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        made = ossia("synth", tmp_path / f"{name}.gguf", "--format", "gguf", "--seed", seed)
        assert made.returncode == 0, made.stderr
        assert f"{name}.gguf: " in made.stdout
        assert made.stdout.rstrip().endswith("B/s")
        assert made.stderr.count("\x1b") == 0
    a, b, c = ((tmp_path / f"{name}.gguf").read_bytes() for name in "abc")
    assert a == b != c


def test_what_is_there_stays(ossia: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    done = ossia("synth", tmp_path / "mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert "exists already" in done.stderr
    assert done.stderr.count("\n") == 1
    assert names(tmp_path) == ["mine"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--shape", "2x65x4"], "multiple of 32"),
        (["--shape", "big"], "no shape 'big'"),
        (
            ["--format", "gguff"],
            "no format 'gguff'; expected hf, openai or gguf",
        ),
        (["--seed", "-1"], "--seed"),
        (["--tokenizer", "/nowhere"], "/nowhere"),
        (["--tokenizer", "/dev/null"], "/dev/null"),
    ],
)
def test_bad_flags(ossia: Run, tmp_path: Path, flags: list[str], said: str) -> None:
    done = ossia("synth", tmp_path / "out", *flags)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert names(tmp_path) == []


def test_a_vocabulary_needs_rows(ossia: Run, vocabulary: Path, tmp_path: Path) -> None:
    done = ossia("synth", tmp_path / "out", "--shape", "2x64x4", "--tokenizer", vocabulary)
    assert done.returncode == 0
    few = ossia("synth", tmp_path / "few", "--shape", "2x64x4x4x2x90", "--tokenizer", vocabulary)
    assert few.returncode == 2
    assert "2x64x4x4x2x1617" in few.stderr


def test_vocabulary_from_a_model_and_from_a_rank_file(
    ossia: Run, model: Path, tmp_path: Path
) -> None:
    made = ossia("synth", tmp_path / "a", "--tokenizer", model)
    assert made.returncode == 0, made.stderr
    same = (tmp_path / "a" / "tokenizer.json").read_bytes()
    assert same == (model / "tokenizer.json").read_bytes()
    ranks = tmp_path / "v.tiktoken"
    ranks.write_bytes(b"".join(base64.b64encode(bytes([b])) + b" %d\n" % b for b in range(256)))
    needed = ossia("synth", tmp_path / "b", "--tokenizer", ranks)
    assert needed.returncode == 2
    assert "2x64x4x4x2x201088" in needed.stderr.replace(",", "")


def test_without_room_for_a_vocabulary_it_says_so(ossia: Run, tmp_path: Path) -> None:
    made = ossia("synth", tmp_path / "out", "--shape", "1x32x2x2x1x40")
    assert made.returncode == 0
    assert "cannot be talked with" in made.stderr
    asked = ossia("run", tmp_path / "out", "hi")
    assert asked.returncode == 2
    assert "no vocabulary" in asked.stderr


def test_a_full_disk_is_one_line_and_leaves_nothing(
    ossia: Run, tmp_path: Path, vocabulary: Path
) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = ossia("synth", tmp_path / "out", "--tokenizer", vocabulary, preexec_fn=limit)
    assert done.returncode == 2
    assert "no room left" in done.stderr
    assert done.stderr.count("\n") == 1
    assert names(tmp_path) == []


def test_a_killed_process_does_not_block_the_next(
    ossia: Run, ossia_path: str, environment: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = subprocess.Popen(
        [ossia_path, "synth", out, "--shape", "24x2880x8"], env=environment, stdout=subprocess.PIPE
    )
    partial = tmp_path / ".out.partial"
    deadline = time.monotonic() + 30
    while not any(partial.glob("*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.01)
    first.kill()
    first.communicate()
    assert partial.exists()
    assert not out.exists()
    assert ossia("synth", out).returncode == 0
    assert json.loads((out / "config.json").read_text())["num_hidden_layers"] == 2
    assert names(tmp_path) == ["out"]


def test_ctrl_c_leaves_nothing(
    ossia_path: str, environment: dict[str, str], tmp_path: Path
) -> None:
    first = subprocess.Popen(
        [ossia_path, "synth", tmp_path / "out", "--shape", "24x2880x8"],
        env=environment,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while not names(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGINT)
    assert first.communicate()[1] == b""
    assert first.returncode == 130
    assert names(tmp_path) == []
