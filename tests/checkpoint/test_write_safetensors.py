"""Files that the safetensors package reads, alone and as shards with an index."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ossia.checkpoint import write_safetensors as module
from ossia.checkpoint.stored import Group, Pieces, StoredTensor
from ossia.checkpoint.write_safetensors import write_safetensors

ReadSafetensors = Callable[[Path], dict[str, tuple[str, NDArray[Any]]]]


def _group(*arrays: tuple[str, NDArray[np.float32]]) -> Group:
    """Float32 tensors in one group, whose rows come in turns."""

    def pieces() -> Pieces:
        longest = max(len(array) for _, array in arrays)
        for row in range(longest):
            for index, (_, array) in enumerate(arrays):
                if row < len(array):
                    yield index, array[row]

    return Group(tuple(StoredTensor(n, "F32", a.shape, a.nbytes) for n, a in arrays), pieces)


@pytest.fixture
def tensors() -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    sizes = {"a": (3, 5), "b.blocks": (4, 7), "b.scales": (2, 1), "c": (1, 1000), "d": (1, 3)}
    return {name: rng.standard_normal(size).astype(np.float32) for name, size in sizes.items()}


def _groups(tensors: dict[str, NDArray[np.float32]]) -> list[Group]:
    a, blocks, scales, c, d = tensors.items()
    return [_group(a), _group(blocks, scales), _group(c), _group(d)]


def test_one_file(
    tmp_path: Path, tensors: dict[str, NDArray[np.float32]], read_safetensors: ReadSafetensors
) -> None:
    told: list[tuple[int, int]] = []
    files = write_safetensors(tmp_path, _groups(tensors), lambda *both: told.append(both))
    assert files == [tmp_path / "model.safetensors"]
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    found = read_safetensors(tmp_path)
    assert found.keys() == tensors.keys()
    assert all(np.array_equal(found[name][1], tensors[name]) for name in tensors)
    total = sum(array.nbytes for array in tensors.values())
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_shards(
    tmp_path: Path,
    tensors: dict[str, NDArray[np.float32]],
    read_safetensors: ReadSafetensors,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SHARD_BYTES", 200)
    files = write_safetensors(tmp_path, _groups(tensors), lambda *_: None)
    assert [path.name for path in files] == [
        f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)
    ]
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in tensors.values())
    assert index["weight_map"] == {
        "a": files[0].name,
        "b.blocks": files[0].name,
        "b.scales": files[0].name,
        "c": files[1].name,  # larger than a shard: alone
        "d": files[2].name,
    }
    found = read_safetensors(tmp_path)
    assert all(np.array_equal(found[name][1], tensors[name]) for name in tensors)


def test_a_tensor_of_the_wrong_length_is_a_bug_and_shows(tmp_path: Path) -> None:
    wrong = Group(
        (StoredTensor("a", "F32", (2,), 8),), lambda: iter([(0, np.zeros(3, np.float32))])
    )
    with pytest.raises(AssertionError, match="12 bytes"):
        write_safetensors(tmp_path, [wrong], lambda *_: None)
