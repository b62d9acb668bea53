"""The front of a GGUF file: its metadata, and where its tensors lie.

Source: ggml's GGUF specification (``docs/gguf.md``), versions 2 and 3, little endian. The front is
walked once to learn where each value lies; values are decoded when they are asked for, because a
vocabulary is hundreds of thousands of strings that not every caller wants. Every count is compared
with the bytes that are left before anything is made of it. Does not know what the keys mean.
"""

import mmap
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ossia.base.errors import CheckpointError
from ossia.checkpoint.directory import FoundTensor, encoded_nbytes
from ossia.checkpoint.mapped import MappedFile
from ossia.checkpoint.write_gguf import ALIGNMENT, TYPES

MAGIC = b"GGUF"

_VERSIONS = (2, 3)
_MAX_FRONT = 128 << 20  # gpt-oss's takes 15 MB, 45 MB with a tokenizer.json in it
_MAX_KEYS = 1 << 16
_MAX_TENSORS = 1 << 16
_MAX_NAME = 1 << 10
_MAX_ITEMS = 1 << 22  # of one array; gpt-oss has 446,189 merges
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?",
    10: "<u8", 11: "<i8", 12: "<f8",
}  # fmt: skip
"""Value types of one size, as NumPy spells them."""

_READ = {number: encoding for encoding, number in TYPES.items()}
_OTHERS = {
    2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
    13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32",
    27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 40: "NVFP4",
}  # fmt: skip
"""Tensor types of ggml that are not read, for messages."""

_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


@dataclass(frozen=True)
class _Place:
    """Where a value lies: an array has a count, a string alone its length as the count."""

    kind: int
    start: int
    count: int
    is_array: bool


class Metadata(Mapping[str, Any]):
    """A file's keys; a value is decoded every time it is asked for. Arrays become lists."""

    def __init__(self, file: MappedFile, places: Mapping[str, _Place]) -> None:
        self._file = file
        self._places = places

    def __getitem__(self, key: str) -> Any:
        """A value.

        Raises:
            KeyError: the file has no such key.
            CheckpointError: it is text but not UTF-8, or the file became shorter.
        """
        place = self._places[key]
        self._file.check()
        try:
            return _decode(self._file.data, place)
        except UnicodeDecodeError:
            raise CheckpointError(
                f"{self._file.path}: the key {key!r:.80} is not UTF-8; download it again"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def under(self, prefix: str) -> "Metadata":
        """Only the keys that begin with a prefix."""
        places = {key: place for key, place in self._places.items() if key.startswith(prefix)}
        return Metadata(self._file, places)


@dataclass(frozen=True)
class Header:
    """The front of one file."""

    file: MappedFile
    metadata: Metadata
    tensors: tuple[FoundTensor, ...]


def read_gguf_header(file: MappedFile) -> Header:
    """Walk and check the front of a GGUF file.

    Raises:
        CheckpointError: it is no GGUF of a version that is read, damaged, or cut off.
    """
    walk = _Walk(file)
    _check_version(walk)
    num_tensors, num_keys = walk.u64(), walk.u64()
    if num_keys > _MAX_KEYS or num_tensors > _MAX_TENSORS:
        raise walk.damaged(f"claims {num_tensors:,} tensors and {num_keys:,} keys")
    places: dict[str, _Place] = {}
    for _ in range(num_keys):
        key = walk.name("key")
        if key in places:
            raise walk.damaged(f"the key {key!r:.80} stands twice")
        places[key] = walk.value(key)
    metadata = Metadata(file, places)
    alignment = metadata.get("general.alignment", ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 8 or alignment & (alignment - 1):
        raise walk.damaged(f"its alignment is {alignment!r:.40}")
    described = [_describe(walk) for _ in range(num_tensors)]
    data_start = walk.position + -walk.position % alignment
    tensors = [
        _locate(walk, name, number, shape, data_start, offset, alignment)
        for name, number, shape, offset in described
    ]
    _check_apart(walk, tensors)
    file.data.madvise(mmap.MADV_DONTNEED)  # what was walked need not stay in memory
    return Header(file, metadata, tuple(tensors))


class _Walk:
    """A position in a file's front, which moves on only over bytes that are there."""

    def __init__(self, file: MappedFile) -> None:
        self.file = file
        self.position = len(MAGIC)
        self._end = min(file.size, _MAX_FRONT)

    def damaged(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.file.path}: damaged GGUF: {what}; download it again")

    def skip(self, nbytes: int) -> int:
        """Move on, and say from where."""
        start = self.position
        if nbytes > self._end - start:
            if self._end < self.file.size:
                raise self.damaged(f"its metadata take more than {_MAX_FRONT >> 20} MB")
            raise CheckpointError(
                f"{self.file.path}: truncated (its metadata go beyond its {self.file.size:,} "
                "bytes); download it again"
            )
        self.position = start + nbytes
        return start

    def u32(self) -> int:
        return int(_U32.unpack_from(self.file.data, self.skip(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack_from(self.file.data, self.skip(8))[0])

    def name(self, what: str) -> str:
        """A short string."""
        length = self.u64()
        if length > _MAX_NAME:
            raise self.damaged(f"the name of a {what} has {length:,} bytes")
        start = self.skip(length)
        try:
            return self.file.data[start : start + length].decode()
        except UnicodeDecodeError:
            raise self.damaged(f"the name of a {what} is not UTF-8") from None

    def value(self, key: str) -> _Place:
        """Go over a key's value."""
        kind = self.u32()
        if kind == _ARRAY:
            kind, count = self.u32(), self.u64()
            if count > _MAX_ITEMS:
                raise self.damaged(f"the key {key!r:.80} claims {count:,} items")
            start = self.position
            if kind == _STRING:
                self._strings(count)
            else:
                self.skip(count * self._item_bytes(key, kind))
            return _Place(kind, start, count, is_array=True)
        if kind == _STRING:
            length = self.u64()
            return _Place(kind, self.skip(length), length, is_array=False)
        return _Place(kind, self.skip(self._item_bytes(key, kind)), 1, is_array=False)

    def _item_bytes(self, key: str, kind: int) -> int:
        if kind == _ARRAY:
            raise self.damaged(f"the key {key!r:.80} holds arrays of arrays, which no gpt-oss has")
        if kind not in _SCALARS:
            raise self.damaged(f"the key {key!r:.80} has a value of the unknown type {kind}")
        return np.dtype(_SCALARS[kind]).itemsize

    def _strings(self, count: int) -> None:
        """Go over strings; the loop is tight because there are 650,000 of them."""
        if count * 8 > self._end - self.position:
            self.skip(count * 8)  # raises
        data, last, unpack, position = (
            self.file.data,
            self._end - 8,
            _U64.unpack_from,
            self.position,
        )
        for _ in range(count):
            if position > last:
                self.skip(position + 8 - self.position)  # raises
            position += 8 + unpack(data, position)[0]
        self.skip(position - self.position)


def _check_version(walk: _Walk) -> None:
    version = walk.u32()
    if version in _VERSIONS:
        return
    path = walk.file.path
    if version & 0xFFFF == 0 and version:
        raise CheckpointError(f"{path}: a big-endian GGUF; ossia reads little-endian ones")
    raise CheckpointError(
        f"{path}: GGUF of version {version}; ossia reads {' and '.join(map(str, _VERSIONS))}"
    )


def _describe(walk: _Walk) -> tuple[str, int, tuple[int, ...], int]:
    """A tensor's name, type, shape (the slowest axis first) and offset."""
    name, num_axes = walk.name("tensor"), walk.u32()
    if not 1 <= num_axes <= 4:
        raise walk.damaged(f"the tensor {name!r:.80} has {num_axes} axes")
    axes = [walk.u64() for _ in range(num_axes)]
    return name, walk.u32(), tuple(reversed(axes)), walk.u64()


def _locate(
    walk: _Walk,
    name: str,
    number: int,
    shape: tuple[int, ...],
    data_start: int,
    offset: int,
    alignment: int,
) -> FoundTensor:
    """A tensor whose bytes are known to lie in the file."""
    file = walk.file
    if number not in _READ:
        raise CheckpointError(
            f"{file.path}: the tensor {name!r:.80} is {_OTHERS.get(number, f'type {number}')}; "
            f"ossia reads GGUF tensors of {', '.join(TYPES)}"
        )
    nbytes = encoded_nbytes(_READ[number], shape)
    if nbytes is None:
        raise walk.damaged(
            f"the tensor {name!r:.80} is {_READ[number]} with rows of {shape[-1]} values"
        )
    if offset % alignment:
        raise walk.damaged(f"the tensor {name!r:.80} lies at {offset}, not aligned to {alignment}")
    if data_start + offset + nbytes > file.size:
        raise CheckpointError(
            f"{file.path}: truncated (the tensor {name!r:.80} ends at byte "
            f"{data_start + offset + nbytes}, the file at {file.size}); download it again"
        )
    return FoundTensor(name, _READ[number], shape, file, data_start + offset)


def _check_apart(walk: _Walk, tensors: list[FoundTensor]) -> None:
    for first, second in pairwise(sorted(tensors, key=lambda tensor: tensor.start)):
        if first.start + (encoded_nbytes(first.encoding, first.shape) or 0) > second.start:
            raise walk.damaged(f"the tensors {first.name!r:.80} and {second.name!r:.80} overlap")


def _decode(data: mmap.mmap, place: _Place) -> Any:
    if place.kind == _STRING and place.is_array:
        return list(_strings(data, place))
    if place.kind == _STRING:
        return data[place.start : place.start + place.count].decode()
    items = np.frombuffer(data, _SCALARS[place.kind], place.count, place.start).tolist()
    return items if place.is_array else items[0]


def _strings(data: mmap.mmap, place: _Place) -> Iterator[str]:
    unpack: Callable[[mmap.mmap, int], tuple[int]] = _U64.unpack_from
    position = place.start
    for _ in range(place.count):
        start = position + 8
        position = start + unpack(data, position)[0]
        yield data[start:position].decode()
