"""Pages of keys and values on disk, so that a conversation goes on at once after a restart.

Knows the thread that writes entries, what may wait for it, and what is told to the log. What a
file holds is ``disk_entry``'s, what lies in the folder and what goes first is ``disk_index``'s,
and what a prefix is good for is ``prefix_cache``'s. A cache may forget anything at any time:
damage, a full disk, another process that evicts are misses, never errors.

The token ids of conversations lie in the files in the clear, and their keys and values: folders
and files are for their owner alone (0700, 0600), and ``CACHEDIR.TAG`` asks backups to pass by.
"""

import contextlib
import errno
import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ossia.engine.disk_entry import (
    DamagedEntryError,
    EntryName,
    Kind,
    as_bytes,
    chain_key,
    read_entry,
    root_key,
    write_entry,
)
from ossia.engine.disk_index import DiskIndex, make_folder, remove_file, remove_leftovers

WAITING_BYTES = 256 << 20
"""Copies that may wait for the disk: two prompts of 4,096 tokens of the 20b model."""

_HEADER_BYTES = 4096
"""More than an entry's header takes."""

_OUT_OF_MEANS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""The process's trouble, not the entry's."""

_log = logging.getLogger("ossia.engine")


@dataclass(frozen=True)
class DiskCacheStats:
    """What lies on disk, and what became of what was asked since the start.

    Attributes:
        entries: files; a page has one for its full and one for its sliding layers.
        bytes: of all entries.
        hits, misses, damaged: what ``load`` found: an entry, none, one that had to be removed.
        dropped: entries that were offered and not written.
    """

    entries: int
    bytes: int
    hits: int
    misses: int
    damaged: int
    dropped: int


@dataclass(frozen=True)
class _Waiting:
    """An entry on its way to disk: a copy of its blocks, one behind the other."""

    name: EntryName
    token_ids: tuple[int, ...]
    sizes: tuple[int, ...]
    payload: bytes


class DiskCache:
    """A folder of one model's pages among others', least recently used out first.

    Any thread may call it. A page is written only where the one before it was, so a caller that
    ends with a conversation offers all of its pages that the cache does not contain, in order.
    Several processes may share the folder: each keeps what it knows of within the limit, and sees
    what the others wrote when it looks at the folder again, each sixteenth of the limit.

    Args:
        folder: made where it is missing. One that cannot be used is a warning, and an empty cache.
        limit_bytes: what all entries together may take.
        fingerprint: see ``root_key``.

    Attributes:
        root: the key before any token.
    """

    def __init__(self, folder: Path, limit_bytes: int, fingerprint: bytes | str) -> None:
        self.root = root_key(fingerprint)
        self._folder = folder
        self._hits = self._misses = self._damaged = self._dropped = 0
        self._waiting: deque[_Waiting] = deque()
        self._names: set[EntryName] = set()  # of those, and of the one that is being written
        self._num_waiting = 0  # bytes of those
        self._is_stopped = self._is_closed = self._has_warned = False
        self._change = threading.Condition()
        try:
            make_folder(folder)
            remove_leftovers(folder)
        except OSError as error:
            self._stop(error)
        self._index = DiskIndex(folder, limit_bytes)
        self._writer = threading.Thread(target=self._write_all, name="ossia-disk", daemon=True)
        self._writer.start()

    def contains(self, key: bytes, kind: Kind) -> bool:
        """Whether there is such an entry, as far as is known without looking."""
        return self._index.contains(key, kind)

    @property
    def has_room(self) -> bool:
        """Whether half of the memory for those that wait is free, or nothing is written at all."""
        return self._num_waiting <= WAITING_BYTES // 2 or self._is_stopped

    def touch(self, key: bytes) -> None:
        """The prefix that ends with this page was used, without having been loaded."""
        self._index.touch(key)

    def store(
        self, parent: bytes, token_ids: Sequence[int], kind: Kind, blocks: Sequence[NDArray[Any]]
    ) -> None:
        """Takes a copy of a page's blocks, to be written in the background.

        What is there already is touched. What does not fit in the memory for those that wait, or
        comes after a page that is not there, is dropped.

        Args:
            parent: key of the page before it, or ``root``.
            token_ids: those of the page.
            blocks: keys and values, layer by layer, C-contiguous arrays of any dtype.

        Raises:
            ValueError: a block has gaps.
        """
        name = EntryName(chain_key(parent, token_ids), parent, kind)
        if self.contains(name.key, kind):
            self.touch(name.key)
            return
        flat = [as_bytes(block) for block in blocks]
        sizes = tuple(block.nbytes for block in flat)
        with self._change:
            if name in self._names:
                return
            fits = self._num_waiting + sum(sizes) <= WAITING_BYTES
            if self._is_stopped or self._is_closed or not fits:
                self._dropped += 1
                return
            payload = b"".join(flat)
            self._waiting.append(_Waiting(name, tuple(token_ids), sizes, payload))
            self._names.add(name)
            self._num_waiting += len(payload)
            self._change.notify_all()

    def load(
        self, parent: bytes, token_ids: Sequence[int], kind: Kind, into: Sequence[NDArray[Any]]
    ) -> bool:
        """Reads a page's blocks into arrays like those that were stored, if they are there, whole.

        Returns:
            False for a miss; the arrays are then as they were, or zeros.

        Raises:
            ValueError: an array has gaps.
        """
        name = EntryName(chain_key(parent, token_ids), parent, kind)
        if not self.contains(name.key, kind):
            self._count(misses=1)
            return False
        try:
            read_entry(self._folder, name, token_ids, into, self._index.use(name.key))
        except (DamagedEntryError, OSError) as error:
            self._miss(name, error)
            return False
        self._count(hits=1)
        return True

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until everything offered is written or dropped; False after ``timeout`` seconds."""
        with self._change:
            return self._change.wait_for(lambda: not self._names, timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Takes no more, and writes what waits; after ``timeout`` seconds the rest is dropped.

        Returns whether nothing had to be. What is there can still be loaded.
        """
        with self._change:
            self._is_closed = True
            self._change.notify_all()
        is_flushed = self.flush(timeout)
        self._drop_waiting()
        self._writer.join(timeout)
        return is_flushed

    def clear(self) -> None:
        """Removes all entries, other models' and processes' too, and what waits to become one."""
        self._drop_waiting()
        self.flush()  # the one that is being written
        self._index.clear()

    def stats(self) -> DiskCacheStats:
        """The counts of this moment."""
        with self._change:
            return DiskCacheStats(
                entries=self._index.num_entries,
                bytes=self._index.num_bytes,
                hits=self._hits,
                misses=self._misses,
                damaged=self._damaged,
                dropped=self._dropped,
            )

    def _write_all(self) -> None:
        """The writer's thread."""
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._is_over())
                if not self._waiting:
                    return
                waiting = self._waiting.popleft()
            is_written = False
            try:
                is_written = not self._is_stopped and self._write(waiting)
            except FileNotFoundError:  # somebody cleans up the folder, or has removed it
                with contextlib.suppress(OSError):
                    make_folder(self._folder)
            except Exception as error:  # whatever it is, the engine goes on
                self._stop(error)
            with self._change:
                self._dropped += not is_written
                self._let_go(waiting)

    def _write(self, waiting: _Waiting) -> bool:
        """Whether the page before it is there, and room for it.

        Raises:
            OSError: see ``write_entry``.
        """
        name, num_bytes = waiting.name, len(waiting.payload) + _HEADER_BYTES
        kept = name.key if self._index.has_page(name.key) else name.parent
        if kept != self.root and not self._index.has_page(kept):
            return False
        if num_bytes > (room := max(self._index.room(), 0)):
            self._warn(f"there is room for {room:,} bytes, and a page takes {num_bytes:,}")
            return False
        if not self._index.make_room(num_bytes, kept):
            return False  # its own conversation fills the room, and the beginning is worth more
        num_bytes = write_entry(
            self._folder, name, waiting.token_ids, waiting.sizes, waiting.payload
        )
        self._index.add(name, num_bytes)
        return True

    def _miss(self, name: EntryName, error: Exception) -> None:
        """An entry that was known could not be read: gone, damaged, or no means to read it."""
        if isinstance(error, OSError) and error.errno in _OUT_OF_MEANS:
            self._count(misses=1)
            return
        self._index.forget(name)
        if isinstance(error, FileNotFoundError):
            self._count(misses=1)
            return
        self._count(damaged=1)
        text = "a damaged entry of the cache on disk is given up, %s: %s"
        _log.warning(text, name.path(self._folder), _reason(error))
        remove_file(self._folder, name)

    def _count(self, hits: int = 0, misses: int = 0, damaged: int = 0) -> None:
        with self._change:
            self._hits += hits
            self._misses += misses
            self._damaged += damaged

    def _is_over(self) -> bool:
        """Whether the writer has nothing to wait for."""
        return self._is_closed and not self._names

    def _let_go(self, waiting: _Waiting) -> None:
        self._names.discard(waiting.name)
        self._num_waiting -= len(waiting.payload)
        self._change.notify_all()

    def _drop_waiting(self) -> None:
        with self._change:
            self._dropped += len(self._waiting)
            while self._waiting:
                self._let_go(self._waiting.popleft())

    def _stop(self, error: Exception) -> None:
        """Nothing is written any more; what is there is still read."""
        self._is_stopped = True
        self._warn(_reason(error))

    def _warn(self, reason: str) -> None:
        """The one warning that pages are no longer written."""
        if not self._has_warned:
            self._has_warned = True
            text = "the cache on disk takes no more pages, %s: %s; answers stay the same, but"
            _log.warning(text + " after a restart they start slower", self._folder, reason)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or repr(error)
