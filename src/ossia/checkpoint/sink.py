"""A file written from front to back as fast as the disk takes it.

Gigabytes go past the page cache (O_DIRECT) where the file system can: copying them through it
costs more time than many disks do, and pushes out of memory whatever else the machine had there.
While one buffer is written, the next is filled. Knows bytes only.
"""

import errno
import fcntl
import mmap
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

_BUFFER_BYTES = 8 << 20  # a multiple of any disk's sector


class Sink:
    """A file, emptied or new, that bytes are appended to; a context whose end flushes it."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            OSError: it cannot be made.
        """
        self._descriptor = _open(path)
        self._buffers = [mmap.mmap(-1, _BUFFER_BYTES) for _ in range(2)]  # aligned to pages
        self._filled = 0  # bytes of the first buffer; the second is being written
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._pending: Future[None] | None = None

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes.

        Raises:
            OSError: the disk is full or failed, also on behalf of earlier bytes.
        """
        view = memoryview(data).cast("B")
        while view:
            count = min(len(view), _BUFFER_BYTES - self._filled)
            self._buffers[0][self._filled : self._filled + count] = view[:count]
            self._filled += count
            view = view[count:]
            if self._filled == _BUFFER_BYTES:
                self._turn()

    def _turn(self) -> None:
        """Hand the full buffer to the thread and go on with the other."""
        self._wait()
        self._buffers.reverse()
        full, self._filled = self._buffers[1], 0
        self._pending = self._thread.submit(_write_all, self._descriptor, memoryview(full))

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def __enter__(self) -> "Sink":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._wait()
                _use_page_cache(self._descriptor)  # the rest has no whole sectors
                _write_all(self._descriptor, memoryview(self._buffers[0])[: self._filled])
        finally:
            self._thread.shutdown()
            os.close(self._descriptor)


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        return os.open(path, flags | os.O_DIRECT, 0o666)
    except OSError as refused:
        if refused.errno != errno.EINVAL:
            raise
        return os.open(path, flags, 0o666)


def _write_all(descriptor: int, view: memoryview) -> None:
    while view:
        try:
            count = os.write(descriptor, view)
        except OSError as error:
            if error.errno != errno.EINVAL or not _use_page_cache(descriptor):
                raise
        else:
            view = view[count:]


def _use_page_cache(descriptor: int) -> bool:
    """Stop writing directly; whether that changed anything."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_DIRECT)
    return bool(flags & os.O_DIRECT)
