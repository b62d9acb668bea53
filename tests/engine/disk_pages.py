"""Pages for the tests of the cache on disk: chains of them, whose contents follow from the key."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from ossia.engine.disk_cache import DiskCache
from ossia.engine.disk_entry import Kind, chain_key
from ossia.ops.arrays import PAGE_SIZE

NUM_BLOCKS = 4
ENTRY_BYTES = 8 + 4 * 4 + 2 * 20 + 4 * PAGE_SIZE + 8 * NUM_BLOCKS + 4
"""Of a file without its blocks."""

Page = tuple[bytes, tuple[int, ...]]
"""A page's parent's key, and its tokens."""


def chain(root: bytes, name: int, length: int) -> list[Page]:
    """The pages of a conversation; those of different names differ from the first token on."""
    pages, key = [], root
    for place in range(length):
        token_ids = tuple((name * 7919 + place * PAGE_SIZE + i) % 201_088 for i in range(PAGE_SIZE))
        pages.append((key, token_ids))
        key = chain_key(key, token_ids)
    return pages


def key_of(page: Page) -> bytes:
    """The page's key."""
    return chain_key(*page)


def blocks_of(page: Page, kind: Kind, shape: tuple[int, ...] = (2, 8)) -> list[NDArray[np.generic]]:
    """What a page holds: bits of all sorts, some of them NaN."""
    seed = int.from_bytes(key_of(page), "little") + (kind == "full")
    bits = np.random.default_rng(seed).integers(0, 1 << 16, (NUM_BLOCKS, *shape), np.uint16)
    return list(bits.view(ml_dtypes.bfloat16))


def store(cache: DiskCache, page: Page, kind: Kind = "full", num_bytes: int = 32) -> None:
    """Offers a page whose blocks have so many bytes each."""
    cache.store(*page, kind, blocks_of(page, kind, (num_bytes // 2,)))


def load(cache: DiskCache, page: Page, kind: Kind = "full", num_bytes: int = 32) -> bool:
    """Whether a page is there. If it is, it is what was stored."""
    into = [np.ones(num_bytes // 2, ml_dtypes.bfloat16) for _ in range(NUM_BLOCKS)]
    if not cache.load(*page, kind, into):
        assert len({block.tobytes() for block in into}) == 1, "what was read of a miss is left"
        assert not into[0].any() or (into[0] == 1).all()
        return False
    for block, expected in zip(into, blocks_of(page, kind, (num_bytes // 2,)), strict=True):
        assert block.tobytes() == expected.tobytes()
    return True


def files_of(folder: Path) -> list[Path]:
    """The entries' files."""
    return sorted(folder.glob("??/*"))


def run_python(
    script: str, *arguments: object, before: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """A script in a process of its own."""
    command = [*before, sys.executable, "-c", script, *map(str, arguments)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
