"""Opening a 20b-shaped checkpoint reads no weight: little memory, whatever the layout."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape, TokenizerFiles, convert

_OPEN = """
import os, sys, time
from pathlib import Path
from ossia.checkpoint.open import open_checkpoint
start = time.perf_counter()
source = open_checkpoint(Path(sys.argv[1]))
arrays = [source.read(name) for name in source.tensors]
seconds = time.perf_counter() - start
pages = int(Path("/proc/self/statm").read_text().split()[1])
peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]
total = sum(info.nbytes for info in source.tensors.values())
print(total, pages * os.sysconf("SC_PAGE_SIZE"), int(peak) * 1024, seconds)
"""


def _opened(path: Path) -> tuple[int, int]:
    """Bytes of the model, and the most that a fresh process held to open it; prints both."""
    command = [sys.executable, "-c", _OPEN, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    total, resident, peak, seconds = done.stdout.split()
    print(  # noqa: T201
        f"{path.name}: {int(total) / 1e9:.2f} GB opened in {float(seconds):.3f} s, "
        f"{int(resident) / 1e6:.0f} MB resident, at most {int(peak) / 1e6:.0f} MB"
    )
    return int(total), int(peak)


def test_a_model_of_some_size(tmp_path: Path, layout: Layout) -> None:
    """300 MB, of which opening touches next to nothing."""
    drawn = SyntheticCheckpoint(SyntheticShape.parse("2x1024x80x16x8x20000"), 0)
    convert(drawn, tmp_path / "model", to=layout)
    total, peak = _opened(tmp_path / "model")
    assert total > 300_000_000
    assert peak < 120_000_000


@pytest.mark.full
@pytest.mark.o200k
def test_the_shape_of_20b(tmp_path: Path, layout: Layout, o200k_path: Path) -> None:
    """With the whole vocabulary, which GGUF has inside. The disk is given back at once."""
    if shutil.disk_usage(tmp_path).free < 20e9:
        pytest.skip("needs 20 GB of free disk")
    drawn = SyntheticCheckpoint(SyntheticShape.parse("20b"), 0, TokenizerFiles(ranks=o200k_path))
    path = tmp_path / "model"
    try:
        convert(drawn, path, to=layout)
        total, peak = _opened(path)
    finally:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert total > 13_000_000_000
    assert peak < 300_000_000
