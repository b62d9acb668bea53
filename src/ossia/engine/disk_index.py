"""A cache's folder: which pages lie in it, how much they may take, and which of them go first.

Knows names, sizes and times, and never opens an entry. It tracks the folder from the names that it
saw when it looked and from what it is told since; other processes may change it in between.
"""

import contextlib
import fcntl
import heapq
import os
import re
import shutil
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ossia.engine.disk_entry import KEY_BYTES, TEMPORARY, EntryName, Kind

_LOOKS = 16
"""The folder is looked at again whenever this part of the limit was written, for the entries of
other processes; and as much is freed at once when it is full."""

_SPARED_SHARE, _SPARED_BYTES = 20, 2 << 30
"""What is left free on the disk for others: a twentieth of it, or 2 GiB where that is less."""

_KEY = f"[0-9a-f]{{{2 * KEY_BYTES}}}"
_NAME = re.compile(rf"({_KEY})-({_KEY})\.(full|sliding)")
_FAN_OUT = re.compile(r"[0-9a-f]{2}")
_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# A cache, see https://bford.info/cachedir/\n"


@dataclass(slots=True)
class StoredPage:
    """A node of the tree of prefixes on disk.

    Attributes:
        parent: key of the page before it.
        stamp: when it was last used, nanoseconds since 1970; its files' time of change.
        sizes: bytes of the file for each kind that is there.
    """

    parent: bytes
    stamp: int
    sizes: dict[Kind, int] = field(default_factory=dict)

    @property
    def num_bytes(self) -> int:
        """Of its files."""
        return sum(self.sizes.values())


class DiskIndex:
    """The pages of a folder, within a limit. Any thread may call it.

    Args:
        folder: see ``make_folder``; one that cannot be listed is an empty one.
        limit_bytes: what all entries together may take.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder, self._limit = folder, limit_bytes
        self._pages: dict[bytes, StoredPage] = {}
        self._num_bytes = self._num_since_look = self._last_stamp = 0
        self._lock = threading.RLock()
        self.look()

    @property
    def num_entries(self) -> int:
        """Files."""
        with self._lock:
            return sum(len(page.sizes) for page in self._pages.values())

    @property
    def num_bytes(self) -> int:
        """Of all entries."""
        return self._num_bytes

    def has_page(self, key: bytes) -> bool:
        """Whether there is an entry of any kind."""
        return key in self._pages

    def contains(self, key: bytes, kind: Kind) -> bool:
        """Whether there is such an entry, as far as is known without looking."""
        with self._lock:
            return (page := self._pages.get(key)) is not None and kind in page.sizes

    def use(self, key: bytes) -> int:
        """Makes a page the most recently used one. Returns the time, for its files."""
        with self._lock:
            self._last_stamp = max(self._last_stamp + 1, time.time_ns())
            if (page := self._pages.get(key)) is not None:
                page.stamp = self._last_stamp
            return self._last_stamp

    def touch(self, key: bytes) -> None:
        """Makes a page the most recently used one, also for those who look at the folder later."""
        with self._lock:
            stamp = self.use(key)
            page = self._pages.get(key)
            names = [EntryName(key, page.parent, kind) for kind in page.sizes] if page else []
        for name in names:
            with contextlib.suppress(OSError):  # gone, or a read-only folder
                os.utime(name.path(self._folder), ns=(stamp, stamp), follow_symlinks=False)

    def add(self, name: EntryName, num_bytes: int) -> None:
        """An entry was written."""
        with self._lock:
            page = self._pages.setdefault(name.key, StoredPage(name.parent, 0))
            self._num_bytes += num_bytes - page.sizes.get(name.kind, 0)
            self._num_since_look += num_bytes
            page.sizes[name.kind] = num_bytes
            self.use(name.key)

    def forget(self, name: EntryName) -> None:
        """An entry is no longer there."""
        with self._lock:
            if (page := self._pages.get(name.key)) is not None:
                self._num_bytes -= page.sizes.pop(name.kind, 0)
                if not page.sizes:
                    del self._pages[name.key]

    def room(self) -> int:
        """Bytes that all entries may take now: the limit, or what the disk has to spare."""
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return self._limit  # writing will tell
        spared = min(disk.f_blocks * disk.f_frsize // _SPARED_SHARE, _SPARED_BYTES)
        return min(self._limit, self._num_bytes + disk.f_bavail * disk.f_frsize - spared)

    def make_room(self, num_bytes: int, kept: bytes) -> bool:
        """Evicts until so many bytes fit; False, and no change, if they cannot.

        Args:
            kept: a page that must stay, and with it those before it.
        """
        if self._num_since_look * _LOOKS >= self._limit:
            self.look()
        with self._lock:
            room = self.room()
            missing = self._num_bytes + num_bytes - room
            if missing <= 0:
                return True
            pages = dict(self._pages)
        victims = least_recent(pages, missing + room // _LOOKS, kept)
        if sum(pages[key].num_bytes for key in victims) < missing:
            return False
        self._remove(victims)
        return True

    def clear(self) -> None:
        """Removes every entry that can be found."""
        self.look()
        with self._lock:
            keys = list(self._pages)
        self._remove(keys)

    def look(self) -> None:
        """Learns what lies in the folder; what is known of recent uses stays known."""
        try:
            pages = scan(self._folder)
        except FileNotFoundError:
            pages = {}
        except OSError:  # no more descriptors, perhaps: nothing is learnt
            return
        with self._lock:
            for key, page in pages.items():
                if (known := self._pages.get(key)) is not None:
                    page.stamp = max(page.stamp, known.stamp)
                self._last_stamp = max(self._last_stamp, page.stamp)
            self._pages = pages
            self._num_bytes = sum(page.num_bytes for page in pages.values())
            self._num_since_look = 0

    def _remove(self, keys: Iterable[bytes]) -> None:
        """Forgets pages and removes their files, in this order."""
        for key in keys:
            with self._lock:
                if (page := self._pages.pop(key, None)) is None:
                    continue
                self._num_bytes -= page.num_bytes
            for kind in page.sizes:
                remove_file(self._folder, EntryName(key, page.parent, kind))


def least_recent(pages: Mapping[bytes, StoredPage], num_bytes: int, kept: bytes) -> list[bytes]:
    """Keys of the pages to give up so that ``num_bytes`` come free, or as many as can, in order.

    No page goes before those that follow it in its conversation, as they are of no use without
    it; and to use a page is to use those before it. ``kept`` stays, and with it what is before it.
    """
    num_children = Counter(page.parent for page in pages.values())
    leaves = [(pages[key].stamp, key) for key in pages if key not in num_children and key != kept]
    heapq.heapify(leaves)
    victims: list[bytes] = []
    while num_bytes > 0 and leaves:
        _, key = heapq.heappop(leaves)
        victims.append(key)
        num_bytes -= pages[key].num_bytes
        parent = pages[key].parent
        num_children[parent] -= 1
        if num_children[parent] == 0 and parent in pages and parent != kept:
            heapq.heappush(leaves, (pages[parent].stamp, parent))
    return victims


def scan(folder: Path) -> dict[bytes, StoredPage]:
    """All pages of a folder, by key; what is not ours is passed over.

    Raises:
        OSError: the folder cannot be listed.
    """
    pages: dict[bytes, StoredPage] = {}
    with os.scandir(folder) as found:
        fans = [fan.path for fan in found if _FAN_OUT.fullmatch(fan.name)]
    for fan in fans:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            descriptor = os.open(fan, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _scan_fan(descriptor, fan[-2:], pages)
            finally:
                os.close(descriptor)
    return pages


def _scan_fan(descriptor: int, start: str, pages: dict[bytes, StoredPage]) -> None:
    """Adds the pages of an open folder in which keys of one start lie."""
    now = time.time_ns()
    with os.scandir(descriptor) as entries:
        for entry in entries:
            if (match := _NAME.fullmatch(entry.name)) is None or not entry.name.startswith(start):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # another process has evicted it
                continue
            key, parent, kind = match.groups()
            page = pages.get(key_bytes := bytes.fromhex(key))
            if page is None:
                page = pages[key_bytes] = StoredPage(bytes.fromhex(parent), 0)
            page.stamp = max(page.stamp, min(status.st_mtime_ns, now))
            page.sizes[cast("Kind", kind)] = status.st_size


def make_folder(folder: Path) -> None:
    """Makes a cache's folder, or makes it its owner's alone, and tells backups to pass by.

    Raises:
        OSError: the system refuses.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != 0o700:
        folder.chmod(0o700)
    tag = folder / "CACHEDIR.TAG"
    if not tag.exists():
        tag.write_bytes(_TAG)


def remove_leftovers(folder: Path) -> None:
    """Removes what processes were writing when they died; the living hold a lock on theirs."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):  # locked, or gone
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def remove_file(folder: Path, name: EntryName) -> None:
    """Removes an entry, or what lies in its place, as far as the system allows."""
    path = name.path(folder)
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
