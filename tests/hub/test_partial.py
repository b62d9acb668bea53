"""Bytes that come in any order, and what a kill or a power cut leaves of them."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.hub.partial import PartialFile
from ossia.hub.repository import RemoteFile

DATA = bytes(range(256)) * 4
FILE = RemoteFile("sub/x.safetensors", len(DATA), hashlib.sha256(DATA).hexdigest())


def write(part: PartialFile, start: int, end: int) -> None:
    descriptor = part.open()
    os.pwrite(descriptor, DATA[start:end], start)
    os.close(descriptor)
    part.add(start, end)


def journal(folder: Path) -> Path:
    (path,) = folder.glob("*.ranges")
    return path


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    part = PartialFile(FILE, tmp_path)
    assert part.gaps() == [(0, 1024)]
    write(part, 100, 300)
    write(part, 900, 1024)
    part.sync()
    write(part, 300, 400)  # never synced
    assert (part.num_done, part.frontier) == (424, 0)
    again = PartialFile(FILE, tmp_path)
    assert again.gaps() == [(0, 100), (300, 900)]
    write(again, 0, 100)
    assert again.frontier == 300
    write(again, 300, 900)
    again.finish()
    assert again.whole.read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == [again.whole.name]
    assert PartialFile(FILE, tmp_path).is_verified
    assert PartialFile(FILE, tmp_path).gaps() == []


def test_what_is_discarded_does_not_come_back(tmp_path: Path) -> None:
    part = PartialFile(FILE, tmp_path)
    write(part, 0, 1024)
    part.sync()
    part.discard()
    part.sync()
    assert part.gaps() == PartialFile(FILE, tmp_path).gaps() == [(0, 1024)]
    assert part.path.stat().st_size == 0


def test_another_content_is_another_file(tmp_path: Path) -> None:
    write(part := PartialFile(FILE, tmp_path), 0, 500)
    part.sync()
    newer = RemoteFile(FILE.path, FILE.size, "0" * 64)
    assert PartialFile(newer, tmp_path).gaps() == [(0, 1024)]
    assert PartialFile(FILE, tmp_path).num_done == 500


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1023), st.integers(1, 300)), max_size=20),
    st.integers(0, 2**20),
)
def test_a_journal_cut_anywhere_claims_nothing_more(
    tmp_path_factory: pytest.TempPathFactory, stretches: list[tuple[int, int]], cut: int
) -> None:
    """After any cut it claims only bytes that were there, and goes on from it."""
    folder = tmp_path_factory.mktemp("journal")
    part = PartialFile(FILE, folder)
    written = set()
    for start, length in stretches:
        end = min(start + length, 1024)
        write(part, start, end)
        part.sync()
        written.update(range(start, end))
    assert part.num_done == len(written)
    path = journal(folder)
    os.truncate(path, min(cut % (path.stat().st_size + 1), path.stat().st_size))
    again = PartialFile(FILE, folder)
    missing = {byte for start, end in again.gaps() for byte in range(start, end)}
    assert set(range(1024)) - missing <= written
    for start, end in again.gaps():
        write(again, start, end)
    again.sync()
    assert PartialFile(FILE, folder).gaps() == []
    assert again.path.read_bytes() == DATA


@pytest.mark.parametrize(
    "lines",
    [b"\0\0\0\0", b"0 99999\n", b"5 5\n", b"9 3\n", b"a b\n", b"-1 5\n", b"\xff\n1\n1 2 3\n"],
)
def test_a_damaged_journal_claims_nothing(tmp_path: Path, lines: bytes) -> None:
    write(part := PartialFile(FILE, tmp_path), 0, 1024)
    part.sync()
    journal(tmp_path).write_bytes(lines)
    assert PartialFile(FILE, tmp_path).num_done == 0


def test_a_journal_without_its_bytes_claims_nothing(tmp_path: Path) -> None:
    write(part := PartialFile(FILE, tmp_path), 0, 1024)
    part.sync()
    os.truncate(part.path, 100)
    assert PartialFile(FILE, tmp_path).num_done == 0


def test_an_empty_file(tmp_path: Path) -> None:
    empty = RemoteFile("LICENSE", 0, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
    part = PartialFile(empty, tmp_path)
    assert (part.gaps(), part.frontier, part.is_verified) == ([], 0, False)
    part.finish()
    assert PartialFile(empty, tmp_path).is_verified
