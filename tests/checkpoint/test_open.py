"""What a path is, is decided by what is there; and all layouts give the same model, uncopied."""

import json
import mmap
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ossia.base.errors import CheckpointError
from ossia.checkpoint import Layout, Source, SyntheticCheckpoint, open_checkpoint
from ossia.numerics.arrays import Array, Mxfp4Array, Q8Array
from ossia.numerics.dequantize import to_float32

Recode = Callable[[Source, Mapping[str, str]], Source]


def _parts(array: Array) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(array, Mxfp4Array):
        yield from (array.blocks, array.scales)
    elif isinstance(array, Q8Array):
        yield from (array.values, array.scales)
    else:
        yield array


def _owner(array: np.ndarray[Any, Any]) -> Any:
    owner: Any = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    return owner


def test_every_layout_is_the_same_model_bit_for_bit(
    written: Mapping[Layout, Path], layout: Layout, drawn: SyntheticCheckpoint
) -> None:
    source = open_checkpoint(written[layout])
    assert source.layout is layout
    assert list(source.tensors) == list(drawn.tensors)
    for name, info in drawn.tensors.items():
        ours = to_float32(source.read(name))
        assert np.array_equal(ours.view(np.uint32), to_float32(drawn.read(name)).view(np.uint32))
        assert source.tensors[name].shape == info.shape
        if len(info.shape) == 3:
            expert = source.read(name, 1)
            assert np.array_equal(to_float32(expert), ours[1])
    with pytest.raises(KeyError):
        source.read("layers.2.attention.q")


def test_every_layout_says_the_same_configuration(
    written: Mapping[Layout, Path], layout: Layout, drawn: SyntheticCheckpoint
) -> None:
    config = open_checkpoint(written[layout]).config
    assert {key: config[key] for key in drawn.config} == drawn.config


def test_nothing_is_copied(written: Mapping[Layout, Path], layout: Layout) -> None:
    """Every part of every tensor is a read-only view that leads to the map of its file."""
    source = open_checkpoint(written[layout])
    for name, info in source.tensors.items():
        parts = list(_parts(source.read(name)))
        assert all(isinstance(_owner(part), mmap.mmap) for part in parts), name
        assert not any(part.flags.writeable for part in parts)
        assert sum(part.nbytes for part in parts) == info.nbytes


def test_tensors_take_the_bytes_of_the_files(
    written: Mapping[Layout, Path], layout: Layout
) -> None:
    source = open_checkpoint(written[layout])
    in_files = sum(path.stat().st_size for path in source.files)
    in_tensors = sum(info.nbytes for info in source.tensors.values())
    assert in_files - 40_000 < in_tensors < in_files


def test_a_vocabulary_comes_along(
    written: Mapping[Layout, Path], layout: Layout, drawn: SyntheticCheckpoint
) -> None:
    files = open_checkpoint(written[layout]).tokenizer
    assert drawn.tokenizer.json is not None
    text = drawn.tokenizer.json.read_text("utf-8")
    if layout is Layout.GGUF:
        assert files.gguf is not None
        assert files.gguf["tokenizer.huggingface.json"] == text
        assert len(files.gguf["tokenizer.ggml.tokens"]) == 400
    else:
        assert files.json is not None
        assert files.json.read_text("utf-8") == text
    if layout is not Layout.OPENAI:
        assert files.chat_template == drawn.tokenizer.chat_template


@pytest.mark.parametrize(
    ("layout", "asked"),
    [
        (Layout.HF, ""),
        (Layout.HF, "config.json"),
        (Layout.HF, "model.safetensors"),
        (Layout.OPENAI, ""),
        (Layout.OPENAI, "config.json"),
        (Layout.OPENAI, "model.safetensors"),
        (Layout.GGUF, ""),
    ],
)
def test_a_file_stands_for_its_model(
    written: Mapping[Layout, Path], layout: Layout, asked: str
) -> None:
    path = written[layout] / asked if asked else written[layout]
    source = open_checkpoint(path)
    assert source.layout is layout
    assert source.path == path


def test_gguf_of_any_name_and_in_a_folder(written: Mapping[Layout, Path], tmp_path: Path) -> None:
    shutil.copy(written[Layout.GGUF], tmp_path / "sha256-1234")
    assert open_checkpoint(tmp_path / "sha256-1234").layout is Layout.GGUF
    (tmp_path / "sha256-1234").rename(tmp_path / "model.gguf")
    shutil.copy(written[Layout.HF] / "config.json", tmp_path)  # as some GGUF repositories have it
    source = open_checkpoint(tmp_path)
    assert source.layout is Layout.GGUF
    assert source.files == (tmp_path / "model.gguf",)


def test_safetensors_of_any_name(written: Mapping[Layout, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(written[Layout.HF], tmp_path / "hf")
    (folder / "model.safetensors").rename(folder / "mine.safetensors")
    source = open_checkpoint(folder / "mine.safetensors")
    assert source.files == (folder / "mine.safetensors",)


def test_a_released_repository_has_all_three(
    written: Mapping[Layout, Path], tmp_path: Path
) -> None:
    """Hugging Face's layout on top, original/ and metal/ below it."""
    shutil.copytree(written[Layout.OPENAI], tmp_path / "original")
    (tmp_path / "metal").mkdir()
    (tmp_path / "metal" / "model.bin").write_bytes(b"GPT-OSS v1.0")
    assert open_checkpoint(tmp_path).layout is Layout.OPENAI
    shutil.copytree(written[Layout.HF], tmp_path, dirs_exist_ok=True)
    assert open_checkpoint(tmp_path).layout is Layout.HF
    assert open_checkpoint(tmp_path / "original").layout is Layout.OPENAI


def test_links_are_followed(written: Mapping[Layout, Path], tmp_path: Path) -> None:
    """As in Hugging Face's cache, where every file of a snapshot is a link to a blob."""
    for path in written[Layout.HF].iterdir():
        (tmp_path / path.name).symlink_to(path)
    assert open_checkpoint(tmp_path).layout is Layout.HF


def _refused(path: Path, match: str) -> None:
    with pytest.raises(CheckpointError, match=match) as caught:
        open_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    _refused(tmp_path / "nowhere", "No such file")
    _refused(tmp_path / ("x" * 5000), "File name too long")
    _refused(Path("a\0b"), "is no path")
    _refused(tmp_path, "holds no model; expected a folder with config.json")
    (tmp_path / "loop").symlink_to("loop")
    _refused(tmp_path / "loop", "symbolic links")


def test_what_is_no_file(tmp_path: Path) -> None:
    """A pipe that nobody writes would hold up whoever opens it."""
    os.mkfifo(tmp_path / "pipe.gguf")
    _refused(tmp_path / "pipe.gguf", "a device or a pipe")
    _refused(Path("/dev/zero"), "a device or a pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        _refused(tmp_path / "socket", "a device or a pipe")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_pipe_or_folder_in_place_of_a_part(
    written: Mapping[Layout, Path], tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(written[Layout.HF], tmp_path / "hf")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    _refused(folder, "expected a regular file")
    (folder / name).unlink()
    (folder / name).mkdir()
    _refused(folder, "expected a regular file")


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    _refused(tmp_path / "notes.txt", "is no checkpoint; expected a folder")
    _refused(tmp_path, "holds no model")
    (tmp_path / "pointer.gguf").write_text("version https://git-lfs.github.com/spec/v1\n")
    _refused(tmp_path / "pointer.gguf", "git lfs pull")
    (tmp_path / "empty.gguf").touch()
    _refused(tmp_path / "empty.gguf", "is empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(copied: Path) -> None:
    path = copied / "model.safetensors" if copied.is_dir() else copied
    path.chmod(0)
    _refused(copied, "Permission denied")


def test_several_models_in_a_folder(written: Mapping[Layout, Path], tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        shutil.copy(written[Layout.GGUF], tmp_path / name)
    _refused(tmp_path, r"several models \(a\.gguf, b\.gguf\); give the path")


def test_half_of_a_folder(written: Mapping[Layout, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(written[Layout.HF], tmp_path / "hf")
    (folder / "config.json").unlink()
    _refused(folder, "has weights but no config.json")
    _refused(folder / "model.safetensors", "has weights but no config.json")
    shutil.copy(written[Layout.HF] / "config.json", folder)
    (folder / "model.safetensors").unlink()
    _refused(folder, "has a config.json but no weights")


def test_a_truncated_download_says_so(copied: Path) -> None:
    path = copied / "model.safetensors" if copied.is_dir() else copied
    os.truncate(path, path.stat().st_size - 4096)
    _refused(copied, "truncated .*download it again")


def test_a_file_that_becomes_shorter_is_noticed(copied: Path) -> None:
    source = open_checkpoint(copied)
    source.read("embedding")
    os.truncate(source.files[0], 4096)
    with pytest.raises(CheckpointError, match="became shorter"):
        source.read("embedding")


def test_weights_of_another_configuration(copied: Path, layout: Layout) -> None:
    """More and fewer layers than there are, and another width."""
    if layout is Layout.GGUF:
        pytest.skip("its configuration is in the same file: see test_read_gguf")
    config = json.loads((copied / "config.json").read_text())
    config.pop("layer_types", None)
    for key, value, match in (
        ("num_hidden_layers", 3, r"lacks the tensor (model\.layers|block)\.2\."),
        ("num_hidden_layers", 1, "do not belong together"),
        ("hidden_size", 96, r"has the shape \[400, 64\]; .* must be \[400, 96\]"),
        ("vocab_size", 401, r"must be \[401, 64\]"),
    ):
        (copied / "config.json").write_text(json.dumps(config | {key: value}))
        _refused(copied, match)
