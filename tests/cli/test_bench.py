"""``ossia bench``: the table, the object, Ctrl-C, bad flags."""

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Spawn = Callable[..., pexpect.spawn]
SHORT = ("--prompt", 20, "--decode", 4, "--repeat", 2, "--backend", "reference")


def test_table(ossia: Run) -> None:
    done = ossia("bench", "nano", *SHORT, "--context", 200)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for row in ("prefill 20", "decode at 22", "decode at 203"):
        figures = re.search(rf"^{row} +([\d.,]+) +([\d.,]+) +([\d.,]+)", done.stdout, re.MULTILINE)
        assert figures, done.stdout
        median, lowest, highest = (float(each.replace(",", "")) for each in figures.groups())
        assert 0 < lowest <= median <= highest
    assert "context filled with random keys and values" in done.stdout
    assert "experts MXFP4, attention bfloat16, unembedding bfloat16" in done.stdout
    assert "reference (NumPy, float32): asked for" in done.stdout
    assert re.search(r"^memory reads +[\d.]+ [MG]B/s", done.stdout, re.MULTILINE)
    assert "outside of ops" in done.stdout
    for context in (22, 203):
        assert re.search(rf"^read at {context} .* a token: experts ", done.stdout, re.MULTILINE)


def test_json(ossia: Run) -> None:
    done = ossia("bench", "nano", *SHORT, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["backend"] == "reference"
    assert report["workload"] == {"prompt": 20, "decode": 4, "context": None, "repeat": 2}
    assert report["decode_at_context"] is None
    traffic = report["decode"]["traffic"]
    assert traffic["experts"] > 0
    assert traffic["dense"] > traffic["experts"]
    assert report["prefill"]["median"] > 0


def test_a_model_without_a_vocabulary_is_measured(ossia: Run, tmp_path: Path) -> None:
    made = ossia("synth", tmp_path / "bare", "--shape", "1x32x2x2x1x40")
    assert made.returncode == 0
    done = ossia("bench", tmp_path / "bare", *SHORT[:-2])  # whatever backend is best here
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/nowhere", "--prompt", 0], "--prompt must be at least 1; it is 0"),  # before loading
        (["/nowhere", "--decode", -1], "--decode must be at least 1; it is -1"),
        (["/nowhere", "--context", 0], "--context must be at least 1; it is 0"),
        (["/nowhere", "--repeat", 0], "--repeat must be at least 1; it is 0"),
        (["/nowhere"], "no model '/nowhere'"),
        (["nano", "--prompt", "many"], "--prompt"),
        (["nano", "--context", 131_072], "context of 131138 tokens is not possible"),
        (["nano", "--backend", "abacus"], "no backend 'abacus'"),
    ],
)
def test_bad_flags(ossia: Run, arguments: list[object], said: str) -> None:
    done = ossia("bench", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_it_and_takes_the_line_away(spawn: Spawn) -> None:
    child = spawn("bench", "nano", "--repeat", 100_000, "--backend", "reference")
    child.expect("of 100000: decoding, ")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.signalstatus) == (130, None)
    assert child.before.endswith("\r\x1b[K") or child.before.endswith("\x1b[K")
    assert "Traceback" not in child.before


def test_ctrl_c_in_a_pipe_says_nothing(ossia_path: str, environment: dict[str, str]) -> None:
    child = subprocess.Popen(
        [ossia_path, "bench", "nano", "--repeat", "100000", "--backend", "reference"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=2)
    child.send_signal(signal.SIGINT)
    assert child.communicate() == (b"", b"")
    assert child.returncode == 130
