"""Files against hashes: SHA-256 as hashlib has it, object ids as Git itself makes them."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from tests.verify.conftest import outcome

from ossia.hub import Expected
from ossia.verify.checks import Outcome
from ossia.verify.files import check_files

DATA = bytes(range(256)) * 40_000


@pytest.fixture
def expected(tmp_path: Path) -> list[Expected]:
    (tmp_path / "large").write_bytes(DATA)
    (tmp_path / "small").write_bytes(b"{}\n")
    git = subprocess.run(
        ["git", "hash-object", tmp_path / "small"], capture_output=True, text=True, check=True
    )
    return [
        Expected(tmp_path / "large", len(DATA), hashlib.sha256(DATA).hexdigest()),
        Expected(tmp_path / "small", 3, git.stdout.strip()),
    ]


def test_whole_files_pass(expected: list[Expected]) -> None:
    check = outcome(check_files(expected))
    assert check.outcome is Outcome.PASSED
    assert "2 files" in check.figure


@pytest.mark.parametrize("name", ["large", "small"])
def test_a_flipped_bit_is_found(expected: list[Expected], tmp_path: Path, name: str) -> None:
    data = bytearray((tmp_path / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / name).write_bytes(data)
    check = outcome(check_files(expected))
    assert check.outcome is Outcome.FAILED
    assert check.figure == f"{name} is not what the hub has (its hash differs)"


def test_a_short_file_and_a_missing_one_are_told(expected: list[Expected], tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(DATA[:-1])
    (tmp_path / "small").unlink()
    check = outcome(check_files(expected))
    assert check.outcome is Outcome.FAILED
    assert "large has 10,239,999 bytes instead of 10,240,000" in check.figure
    assert "small cannot be read (No such file or directory)" in check.figure


def test_without_hashes_it_is_not_run() -> None:
    check = outcome(check_files([]))
    assert check.outcome is Outcome.NOT_RUN
    assert "no hashes are known" in check.figure
