"""``ossia verify``: the verdict as text and as JSON, and its exit code."""

import json
from pathlib import Path

from tests.cli.store import NAME, places, pull_nano


def test_a_whole_model_is_right(ossia, tmp_path: Path) -> None:
    home = places(tmp_path)
    pull_nano(home)
    done = ossia("verify", NAME, env=home)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{NAME}: right (5 passed, 1 not run)"
    assert str(tmp_path) not in done.stdout  # it is made to be pasted
    assert "all are what the hub has" in done.stdout
    assert "avx" in done.stdout or "neon" in done.stdout or "scalar" in done.stdout


def test_a_damaged_one_is_wrong_with_code_1(ossia, tmp_path: Path) -> None:
    home = places(tmp_path)
    folder = pull_nano(home)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-10, 2)
        file.write(b"\xff")
    done = ossia("verify", NAME, env=home)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{NAME}: WRONG (1 failed)")
    assert "model.safetensors is not what the hub has" in done.stdout
    assert done.stdout.rstrip().endswith("Pull it again.")
    document = json.loads(ossia("verify", NAME, "--json", env=home).stdout)
    assert document["is_right"] is False
    assert document["checks"][0]["outcome"] == "FAILED"


def test_on_a_terminal_checks_come_one_by_one(spawn, tmp_path: Path) -> None:
    child = spawn("verify", "nano", columns=40, **places(tmp_path))
    child.expect("files: not run")
    child.expect("token by token: passed")
    child.expect(r"nano: right \(5 passed, 1 not run\)")
    child.wait()
    assert child.exitstatus in (0, None)


def test_no_model_is_one_line(ossia, tmp_path: Path) -> None:
    done = ossia("verify", "gpt-oss:20b", env=places(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
