"""Weights as backends want them: packed once and mapped, in memory, or as released."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.model.test_load import leaves

from ossia.base.errors import InputError
from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape, convert, open_checkpoint
from ossia.checkpoint.packed import open_packed
from ossia.checkpoint.source import Source
from ossia.checkpoint.stored import Progress, silent
from ossia.model import Config, Params, prepare, prepare_params
from ossia.model.prepare import AS_THEY_ARE, MATRICES, Prepared
from ossia.numerics.arrays import TiledArray
from ossia.numerics.dequantize import to_float32
from ossia.ops import cpu, reference

SHAPE = SyntheticShape(2, 96, 64, 6, 3, 6, 2, head_dim=32, vocabulary=301)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files are made although the model is small."""
    monkeypatch.setattr(prepare, "SMALL_BYTES", 0)
    monkeypatch.delenv("OSSIA_WEIGHTS", raising=False)
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(params=[Layout.HF, Layout.OPENAI, Layout.GGUF])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    path = tmp_path / "models" / "checkpoint"
    path.parent.mkdir()
    convert(SyntheticCheckpoint(SHAPE, seed=2), path, to=request.param)
    return open_checkpoint(path)


@pytest.fixture
def one_source(tmp_path: Path) -> Source:
    convert(SyntheticCheckpoint(SHAPE, seed=2), tmp_path / "one", to=Layout.HF)
    return open_checkpoint(tmp_path / "one")


def prepared(source: Source, progress: Progress = silent) -> Prepared:
    return prepare_params(source, SHAPE.layers, cpu, progress)  # type: ignore[arg-type]


def packed_files(source: Source) -> list[Path]:
    folder = source.files[0].parent / ".ossia"
    return list(folder.iterdir()) if folder.is_dir() else []


def assert_packed(params: Params, source: Source, is_mapped: bool) -> None:
    """Every matrix is what the backend packs of the released one; the others are exact."""
    found = leaves(params)
    assert found.keys() == source.tensors.keys()
    for name, weight in found.items():
        leaf, released = name.rpartition(".")[2], source.read(name)
        assert weight.shape == released.shape
        if leaf in MATRICES:
            (expected,) = cpu.pack_together((released,))
            assert isinstance(weight, TiledArray)
            assert (weight.rows, weight.columns) == (expected.rows, expected.columns)
            np.testing.assert_array_equal(weight.values, expected.values)
            np.testing.assert_array_equal(weight.scales, expected.scales)
            assert weight.values.flags.writeable != is_mapped
        else:
            np.testing.assert_array_equal(to_float32(weight), to_float32(released))
            assert leaf in AS_THEY_ARE or (
                isinstance(weight, np.ndarray) and weight.dtype == np.float32
            )


def test_packed_once_and_mapped_from_then_on(source: Source) -> None:
    told: list[tuple[int, int]] = []
    first = prepared(source, lambda done, total: told.append((done, total)))
    (path,) = packed_files(source)
    assert first.holding == f"packed, mapped from {path}"
    assert_packed(first.params, source, is_mapped=True)
    assert told[-1][0] == told[-1][1] > 0
    assert [each[0] for each in told] == sorted(each[0] for each in told)

    before, told[:] = path.stat(), []
    again = prepared(source, lambda done, total: told.append((done, total)))
    assert again.holding == first.holding
    assert told == []
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert_packed(again.params, source, is_mapped=True)


def test_a_path_below_the_home_folder_is_told_short(
    one_source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (path,) = [prepared(one_source).holding]
    assert path == f"packed, mapped from ~/one/.ossia/model.safetensors.{cpu.packing()}.safetensors"


def test_packed_anew_when_the_checkpoint_changes(one_source: Source) -> None:
    prepared(one_source)
    with one_source.files[0].open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\1\2\3\4")  # the last tensor's last numbers
    changed = open_checkpoint(one_source.path)
    told: list[int] = []
    again = prepared(changed, lambda done, _: told.append(done))
    assert told
    assert_packed(again.params, changed, is_mapped=True)
    assert len(packed_files(changed)) == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_file_is_made_anew(one_source: Source, share: float) -> None:
    prepared(one_source)
    (path,) = packed_files(one_source)
    os.truncate(path, int(path.stat().st_size * share))
    again = prepared(one_source)
    assert "mapped from" in again.holding
    assert_packed(again.params, one_source, is_mapped=True)


def test_a_file_that_lacks_a_matrix_is_made_anew(
    one_source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was made by another version."""
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "MATRICES", MATRICES - {"up"})
        prepared(one_source)
    told: list[int] = []
    again = prepared(one_source, lambda done, _: told.append(done))
    assert told
    assert_packed(again.params, one_source, is_mapped=True)


def test_in_memory_when_asked(one_source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_WEIGHTS", "memory")
    told: list[tuple[int, int]] = []
    made = prepared(one_source, lambda done, total: told.append((done, total)))
    assert made.holding == "packed, in memory (OSSIA_WEIGHTS=memory)"
    assert_packed(made.params, one_source, is_mapped=False)
    assert packed_files(one_source) == []
    assert told[-1][0] == told[-1][1] > 0


def test_as_released_when_asked(one_source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_WEIGHTS", "released")
    assert_released(prepared(one_source), one_source)
    monkeypatch.setenv("OSSIA_WEIGHTS", "paper")
    with pytest.raises(InputError, match="expected packed, memory or released"):
        prepared(one_source)


def test_the_reference_computes_with_weights_as_released(one_source: Source) -> None:
    assert_released(prepare_params(one_source, SHAPE.layers, reference), one_source)


def assert_released(made: Prepared, source: Source) -> None:
    assert made.holding == "as released, mapped from the checkpoint"
    for name, weight in leaves(made.params).items():
        assert not isinstance(weight, TiledArray)
        np.testing.assert_array_equal(to_float32(weight), to_float32(source.read(name)))
    assert packed_files(source) == []


def test_a_small_model_is_packed_at_each_start(
    one_source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [info for name, info in one_source.tensors.items() if name.split(".")[-1] in MATRICES]
    nbytes = sum(info.nbytes for info in wanted)
    monkeypatch.setattr(prepare, "SMALL_BYTES", nbytes)
    made = prepared(one_source)
    assert made.holding == "packed, in memory (a small model)"
    assert_packed(made.params, one_source, is_mapped=False)
    assert packed_files(one_source) == []
    monkeypatch.setattr(prepare, "SMALL_BYTES", nbytes - 1)
    assert "mapped from" in prepared(one_source).holding


def test_where_the_folder_cannot_be_written_in_ossia_home(one_source: Source, home: Path) -> None:
    (one_source.files[0].parent / ".ossia").write_bytes(b"")
    made = prepared(one_source)
    (path,) = (home / "packed").iterdir()
    assert made.holding == f"packed, mapped from {path}"
    assert_packed(made.params, one_source, is_mapped=True)


def test_where_nothing_can_be_written_in_memory(one_source: Source, home: Path) -> None:
    (one_source.files[0].parent / ".ossia").write_bytes(b"")
    home.write_bytes(b"")
    made = prepared(one_source)
    assert made.holding.startswith("packed, in memory (cannot write ")
    assert_packed(made.params, one_source, is_mapped=False)


def test_without_files_in_memory() -> None:
    drawn = SyntheticCheckpoint(SHAPE, seed=2)
    made = prepared(drawn)
    assert made.holding.startswith("packed, in memory (synthetic-2x96x6-2 has no files")
    assert_packed(made.params, drawn, is_mapped=False)


def test_a_checkpoint_that_changes_while_it_is_packed_is_packed_in_memory(
    one_source: Source,
) -> None:
    """The file is of another time when it is done, and nobody may use it."""

    def touch(done: int, total: int) -> None:
        if done < total:
            os.utime(one_source.files[0], ns=(1, 1_000_000_000))

    made = prepared(one_source, touch)
    assert made.holding.startswith("packed, in memory (")
    assert_packed(made.params, one_source, is_mapped=False)


def test_a_packed_file_that_is_gone_at_once_is_made_in_memory(one_source: Source) -> None:
    """As when another process, which began a moment before, replaces it."""
    made: list[Path] = []

    def remove(source: Source, layout: str) -> object:
        found = open_packed(source, layout)
        if found is not None:
            made.append(found[0])
            found[0].unlink()
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "open_packed", remove)
        held = prepared(one_source)
    assert made
    assert_packed(held.params, one_source, is_mapped=False)


PREPARE = """
import sys
from pathlib import Path
from ossia.checkpoint import open_checkpoint
from ossia.model import prepare, prepare_params
from ossia.ops import cpu
prepare.SMALL_BYTES = 0
print("ready", flush=True)
sys.stdin.readline()
source = open_checkpoint(Path(sys.argv[1]))
def told(done, total):
    print("packing", flush=True)
    if sys.argv[2] == "wait": sys.stdin.readline()
print(prepare_params(source, 2, cpu, told).holding)
"""


def start(source: Source, how: str = "go on") -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PREPARE, str(source.path), how]
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_at_once_both_get_their_weights(one_source: Source) -> None:
    both = [start(one_source) for _ in range(2)]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        assert process.communicate()[0].splitlines()[-1].startswith("packed, ")
        assert process.returncode == 0
    again = prepared(one_source)
    assert_packed(again.params, one_source, is_mapped=True)


def test_a_killed_process_leaves_nothing_that_is_used(one_source: Source) -> None:
    process = start(one_source, "wait")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n\n\n")
    process.stdin.flush()
    for _ in range(3):
        assert process.stdout.readline() == "packing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    told: list[int] = []
    made = prepared(one_source, lambda done, _: told.append(done))
    assert told
    assert_packed(made.params, one_source, is_mapped=True)
    assert len(packed_files(one_source)) == 1


def test_plain_experts_are_packed_to_8_bits(tmp_path: Path) -> None:
    """As fine-tuned checkpoints have them."""
    safetensors = pytest.importorskip("safetensors.torch")
    torch = pytest.importorskip("torch", reason="writes a checkpoint with bfloat16 experts")
    convert(SyntheticCheckpoint(SHAPE, seed=2), tmp_path / "plain", to=Layout.HF)
    path = tmp_path / "plain" / "model.safetensors"
    tensors = safetensors.load_file(path)
    for name in [name for name in tensors if name.endswith("_blocks")]:
        stem = name.removesuffix("_blocks")
        source = open_checkpoint(tmp_path / "plain")
        layer = stem.split(".")[2]
        kind = "down" if "down" in stem else None
        if kind:
            plain = to_float32(source.read(f"layers.{layer}.experts.down"))
        else:
            gate, up = (
                to_float32(source.read(f"layers.{layer}.experts.{each}")) for each in ("gate", "up")
            )
            plain = np.stack([gate, up], axis=2).reshape(gate.shape[0], -1, gate.shape[2])
        tensors[stem] = torch.from_numpy(plain).transpose(1, 2).contiguous().bfloat16()
        del tensors[name], tensors[f"{stem}_scales"]
    safetensors.save_file(tensors, path, {"format": "pt"})
    opened = open_checkpoint(tmp_path / "plain")
    assert opened.tensors["layers.0.experts.up"].encoding == "BF16"
    made = prepare_params(opened, Config.from_mapping(opened.config).num_layers, cpu)  # type: ignore[arg-type]
    assert_packed(made.params, opened, is_mapped=True)
