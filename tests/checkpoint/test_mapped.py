"""Views of a file's bytes, and the files that are refused."""

import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from ossia.base.errors import CheckpointError
from ossia.checkpoint.mapped import MappedFile, read_whole


def test_views_start_anywhere(tmp_path: Path) -> None:
    """safetensors does not promise that a tensor is aligned."""
    values = np.arange(12, dtype=np.float32).astype(ml_dtypes.bfloat16)
    (tmp_path / "file").write_bytes(b"abc" + values.tobytes())
    view = MappedFile(tmp_path / "file").array(3, values.dtype, (3, 4))
    assert np.array_equal(view, values.reshape(3, 4))
    assert not view.flags.writeable
    assert not view.flags.owndata


def test_a_view_keeps_the_map_alive(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(200)))
    view = MappedFile(tmp_path / "file").array(100, np.dtype(np.uint8), (100,))
    (tmp_path / "file").unlink()
    assert view.tolist() == list(range(100, 200))


def test_no_descriptor_stays_open_after_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "pointer").write_text("version https://git-lfs.github.com/spec/v1\n")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for path in (tmp_path, tmp_path / "empty", tmp_path / "pointer", tmp_path / "nowhere"):
        for read in (MappedFile, lambda path: read_whole(path, 1000)):
            with pytest.raises(CheckpointError):
                read(path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_small_files_are_small(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"x" * 101)
    assert read_whole(tmp_path / "config.json", 101) == b"x" * 101
    with pytest.raises(CheckpointError, match="takes 101 bytes; of a gpt-oss at most 100"):
        read_whole(tmp_path / "config.json", 100)


_MAP = """
import resource, sys
from pathlib import Path
from ossia.base.errors import ResourceError
from ossia.checkpoint.mapped import MappedFile
resource.setrlimit(resource.RLIMIT_AS, (1 << 33, 1 << 33))
try:
    MappedFile(Path(sys.argv[1]))
except ResourceError as error:
    print(error)
"""


def test_too_little_address_space_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, 1 << 34)  # sparse: takes no disk
    command = [sys.executable, "-c", _MAP, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{path}: cannot map 17.2 GB")
    assert "ulimit -v" in done.stdout
