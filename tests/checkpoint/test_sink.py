"""Bytes in order, whatever sizes they come in and however large the file."""

import os
from pathlib import Path

import numpy as np
import pytest

from ossia.checkpoint.sink import Sink


@pytest.mark.parametrize("sizes", [[0], [1], [5, 0, 7], [8 << 20], [(8 << 20) - 1, 2], [20 << 20]])
def test_a_file_holds_what_was_written(tmp_path: Path, sizes: list[int]) -> None:
    data = [np.random.default_rng(size).bytes(size) for size in sizes]
    with Sink(tmp_path / "file") as sink:
        for part in data:
            sink.write(part)
    assert (tmp_path / "file").read_bytes() == b"".join(data)


def test_many_small_writes_over_several_buffers(tmp_path: Path) -> None:
    numbers = np.arange(6_000_000, dtype=np.uint32)
    with Sink(tmp_path / "file") as sink:
        for part in np.array_split(numbers, 997):
            sink.write(part.data)
    assert np.array_equal(np.fromfile(tmp_path / "file", np.uint32), numbers)


def test_a_file_system_without_direct_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As tmpfs of older kernels: O_DIRECT is refused when the file is opened."""
    real = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    test_many_small_writes_over_several_buffers(tmp_path)


def test_a_file_system_that_refuses_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some network file systems: a direct write fails although the file could be opened so."""
    real = os.write
    refused = []

    def refuse(descriptor: int, data: memoryview) -> int:
        if not refused:
            refused.append(len(data))
            raise OSError(22, "Invalid argument")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", refuse)
    test_many_small_writes_over_several_buffers(tmp_path)
    assert refused == [8 << 20]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_raises_and_closes() -> None:
    def write() -> None:
        with Sink(Path("/dev/full")) as sink:
            for _ in range(5):
                sink.write(bytes(8 << 20))

    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="No space"):
        write()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
