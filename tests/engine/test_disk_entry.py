"""One file: what it holds, and that every change of it is noticed."""

import errno
import os
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.disk_pages import ENTRY_BYTES, NUM_BLOCKS, blocks_of, chain, key_of

from ossia.engine import disk_entry
from ossia.engine.disk_entry import (
    DamagedEntryError,
    EntryName,
    Kind,
    chain_key,
    read_entry,
    root_key,
    write_entry,
)

PAGE = chain(root_key("a model"), 3, 2)[1]
TOKENS = PAGE[1]
NAME = EntryName(key_of(PAGE), PAGE[0], "full")
SIZE = 32


def write(folder: Path, name: EntryName = NAME) -> Path:
    payload = b"".join(block.tobytes() for block in blocks_of(PAGE, name.kind))
    num_bytes = write_entry(folder, name, TOKENS, (SIZE,) * NUM_BLOCKS, payload)
    path = name.path(folder)
    assert path.stat().st_size == num_bytes == ENTRY_BYTES + len(payload)
    return path


def read(folder: Path, name: EntryName = NAME) -> bytes:
    into = [np.full(SIZE, 255, np.uint8) for _ in range(NUM_BLOCKS)]
    try:
        read_entry(folder, name, TOKENS, into, 10**18)
    except (DamagedEntryError, OSError):
        values = {int(value) for block in into for value in block}
        assert values in ({0}, {255}), "what was damaged is left"
        raise
    return b"".join(block.tobytes() for block in into)


@pytest.mark.parametrize("kind", ["full", "sliding"])
def test_what_was_written_is_read(tmp_path: Path, kind: Kind) -> None:
    name = EntryName(NAME.key, NAME.parent, kind)
    path = write(tmp_path, name)
    assert read(tmp_path, name) == b"".join(b.tobytes() for b in blocks_of(PAGE, kind))
    assert path.stat().st_mtime_ns == 10**18
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_the_file_is_as_the_module_says(tmp_path: Path) -> None:
    """Read by hand, from the table in the module's docstring."""
    contents = write(tmp_path).read_bytes()
    magic, version, kind, num_tokens, num_blocks = struct.unpack_from("<8s4I", contents)
    assert (magic, version, kind, num_tokens, num_blocks) == (b"OSSIA-KV", 1, 0, 32, NUM_BLOCKS)
    assert contents[24:44] == NAME.key
    assert contents[44:64] == NAME.parent
    assert struct.unpack_from("<32i", contents, 64) == TOKENS
    assert struct.unpack_from("<4Q", contents, 192) == (SIZE,) * NUM_BLOCKS
    assert struct.unpack_from("<I", contents, 224)[0] == zlib.crc32(contents[:224] + contents[228:])


def test_every_bit_counts(tmp_path: Path) -> None:
    path = write(tmp_path)
    good = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for place, byte in enumerate(good):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), place)
                with pytest.raises(DamagedEntryError):
                    read(tmp_path)
            os.pwrite(file.fileno(), bytes([byte]), place)
    assert read(tmp_path)


@given(data=st.data())
def test_any_overwriting_is_noticed(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder))
        good = path.read_bytes()
        start = data.draw(st.integers(0, len(good) - 1))
        patch = data.draw(st.binary(min_size=1, max_size=len(good) - start))
        changed = good[:start] + patch + good[start + len(patch) :]
        path.write_bytes(changed)
        if changed == good:
            assert read(Path(folder))
        else:
            with pytest.raises(DamagedEntryError):
                read(Path(folder))


def test_every_length_but_one_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    good = path.read_bytes()
    for length in (*range(len(good)), len(good) + 1, 2 * len(good)):
        path.write_bytes((good * 2)[:length])
        with pytest.raises(DamagedEntryError, match=rf"has {length} bytes of {len(good)}"):
            read(tmp_path)


def test_an_entry_of_another_version_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_entry, "VERSION", 2)
    write(tmp_path)
    monkeypatch.undo()
    with pytest.raises(DamagedEntryError, match="of version 2, not 1"):
        read(tmp_path)


def test_an_entry_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    """Whole, and its checksum right: but other tokens, or of the other layers."""
    other = EntryName(NAME.key, NAME.parent, "sliding")
    write(tmp_path, other).rename(NAME.path(tmp_path))
    with pytest.raises(DamagedEntryError, match="names other contents"):
        read(tmp_path)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    path = write(tmp_path)
    for make in (Path.mkdir, os.mkfifo):
        path.unlink()
        make(path)
        with pytest.raises(DamagedEntryError, match="no file"):
            read(tmp_path)
        if path.is_dir():
            path.rmdir()
            path.touch()
    path.unlink()
    target = write(tmp_path).rename(tmp_path / "elsewhere")
    path.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links") as caught:
        read(tmp_path)
    assert caught.value.errno == errno.ELOOP


def test_nothing_is_left_of_an_entry_that_could_not_be_written(tmp_path: Path) -> None:
    NAME.path(tmp_path).mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        write(tmp_path)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_arrays_with_gaps_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    gaps = [np.zeros((SIZE, 2), np.uint8)[:, 0] for _ in range(NUM_BLOCKS)]
    with pytest.raises(ValueError, match="has gaps"):
        read_entry(tmp_path, NAME, TOKENS, gaps, 1)


def test_a_key_depends_on_everything_before_it() -> None:
    roots = {root_key(fingerprint) for fingerprint in ("a", "b", "", b"c", "ä")}
    assert len(roots) == 5
    assert root_key("a") == root_key(b"a")
    first = chain_key(root_key("a"), [1, 2, 3])
    others = {
        chain_key(root_key("b"), [1, 2, 3]),
        chain_key(root_key("a"), [1, 2, 4]),
        chain_key(root_key("a"), [1, 2]),
        chain_key(chain_key(root_key("a"), [1]), [2, 3]),
    }
    assert len(others | {first}) == 5
    assert first == chain_key(root_key("a"), (1, 2, 3))


def test_another_version_or_byte_order_has_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    here = root_key("a")
    monkeypatch.setattr(disk_entry, "VERSION", 2)
    assert root_key("a") != here
    monkeypatch.undo()
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    assert root_key("a") != here
