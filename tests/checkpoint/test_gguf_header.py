"""GGUF's front: every kind of value as the gguf package wrote it, and a vocabulary in no time."""

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from ossia.base.errors import CheckpointError
from ossia.checkpoint.gguf_header import Header, read_gguf_header
from ossia.checkpoint.mapped import MappedFile
from ossia.checkpoint.write_gguf import TYPES

VALUES: dict[str, tuple[str, Any]] = {
    "a.u8": ("uint8", 255),
    "a.i8": ("int8", -128),
    "a.u16": ("uint16", 65_535),
    "a.i16": ("int16", -32_768),
    "a.u32": ("uint32", 2**32 - 1),
    "a.i32": ("int32", -(2**31)),
    "a.u64": ("uint64", 2**64 - 1),
    "a.i64": ("int64", -(2**63)),
    "a.f32": ("float32", 0.5),
    "a.f64": ("float64", 0.1),
    "a.bool": ("bool", True),
    "a.text": ("string", "안녕 👩‍🚀\n"),
    "a.texts": ("array", ["a", "", "Ġ한", "x" * 3000]),
    "a.ints": ("array", [1, -2, 3]),
    "a.reals": ("array", [0.5, -0.25]),
}


def _written(path: Path, alignment: int = 32) -> Header:
    writer = gguf.GGUFWriter(path, "gpt-oss")
    writer.add_custom_alignment(alignment)
    for key, (kind, value) in VALUES.items():
        getattr(writer, f"add_{kind}")(key, value)
    writer.add_tensor("t.f32", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("t.f16", np.arange(5, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read_gguf_header(MappedFile(path))


@pytest.mark.parametrize("alignment", [8, 32, 4096])
def test_values_and_tensors_of_the_gguf_package(tmp_path: Path, alignment: int) -> None:
    header = _written(tmp_path / "a.gguf", alignment)
    for key, (_, value) in VALUES.items():
        assert header.metadata[key] == value
        assert type(header.metadata[key]) is type(value)
    assert header.metadata["general.architecture"] == "gpt-oss"
    assert set(header.metadata.under("a.")) == VALUES.keys()
    assert "a.nothing" not in header.metadata
    first, second = header.tensors
    assert (first.name, first.encoding, first.shape) == ("t.f32", "F32", (2, 3))
    assert (second.name, second.encoding, second.shape) == ("t.f16", "F16", (5,))
    expected = {t.name: t.data_offset for t in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    assert {tensor.name: tensor.start for tensor in header.tensors} == expected


def test_version_2_is_read_as_version_3(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    third = _written(path)
    data = path.read_bytes()
    path.write_bytes(data[:4] + struct.pack("<I", 2) + data[8:])
    assert dict(read_gguf_header(MappedFile(path)).metadata) == dict(third.metadata)


@pytest.mark.parametrize("length", range(0, 700, 7))
def test_a_front_that_is_cut_off_anywhere(tmp_path: Path, length: int) -> None:
    _written(tmp_path / "a.gguf")
    (tmp_path / "b.gguf").write_bytes((tmp_path / "a.gguf").read_bytes()[: length + 4])
    with pytest.raises(CheckpointError, match="truncated"):
        read_gguf_header(MappedFile(tmp_path / "b.gguf"))


def test_types_that_are_not_read_are_called_by_their_names(tmp_path: Path) -> None:
    for kind in gguf.GGMLQuantizationType:
        if kind.name in TYPES or kind.name == "Q1_0":
            continue
        block, nbytes = gguf.GGML_QUANT_SIZES[kind]
        writer = gguf.GGUFWriter(tmp_path / "a.gguf", "gpt-oss")
        writer.add_tensor("t", np.zeros((1, nbytes), np.uint8), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        assert block
        with pytest.raises(CheckpointError, match=f"'t' is {kind.name}; ossia reads GGUF tensors"):
            read_gguf_header(MappedFile(tmp_path / "a.gguf"))


def test_a_vocabulary_costs_nothing_until_it_is_asked_for(tmp_path: Path) -> None:
    """As many strings as o200k has tokens and merges: walked, not made into objects."""
    tokens = [f"token{number}" for number in range(201_088)]
    merges = [f"a{number} b" for number in range(446_189)]

    def texts(key: str, items: list[str]) -> bytes:
        body = b"".join(struct.pack("<Q", len(text)) + text.encode() for text in items)
        head = struct.pack("<Q", len(key)) + key.encode()
        return head + struct.pack("<IIQ", 9, 8, len(items)) + body

    path = tmp_path / "a.gguf"
    keys = texts("tokens", tokens) + texts("merges", merges)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + keys)
    tracemalloc.start()
    try:
        header = read_gguf_header(MappedFile(path))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert header.metadata["tokens"] == tokens
    assert header.metadata["merges"] == merges


def test_a_file_that_became_shorter_is_not_decoded(tmp_path: Path) -> None:
    header = _written(tmp_path / "a.gguf")
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    with pytest.raises(CheckpointError, match="became shorter"):
        header.metadata["a.text"]
