"""A file that is coming in: its bytes, in any order, and which of them are there.

    NAME.part      the bytes, each at its place
    NAME.ranges    a line "START END" for each stretch of them that is on disk for certain
    NAME           all of it, and its hash was right

A line is written after its bytes were synced, so that neither kill -9 nor a power cut leaves a line
without its bytes; a line that was cut tells of fewer bytes, or of none. Knows bytes; does not know
where they come from.
"""

import os
import threading
from pathlib import Path

from ossia.hub.repository import RemoteFile


class PartialFile:
    """One file on its way.

    Attributes:
        path: of the bytes so far; ``whole`` of all of them once they were checked.
        can_seek: whether the other side gives ranges of it, as far as is known.
    """

    def __init__(self, file: RemoteFile, folder: Path) -> None:
        """Takes up what an earlier attempt left in the folder.

        Raises:
            OSError: it cannot be read or written.
        """
        name = f"{file.digest[:16]}-{file.path.replace('/', '+')}"
        self.file = file
        self.can_seek = True
        self.whole = folder / name
        self.path = folder / f"{name}.part"
        self._journal = folder / f"{name}.ranges"
        self._lock = threading.Lock()
        self._stretches: list[tuple[int, int]] = []
        self._unsynced: list[tuple[int, int]] = []
        if self.is_verified:
            self._stretches = [(0, file.size)] if file.size else []
        else:
            os.close(self.open())
            self._read_journal()

    @property
    def is_verified(self) -> bool:
        """Whether all is there and right."""
        return self.whole.is_file() and self.whole.stat().st_size == self.file.size

    @property
    def num_done(self) -> int:
        """Bytes that came."""
        with self._lock:
            return sum(end - start for start, end in self._stretches)

    @property
    def frontier(self) -> int:
        """How many bytes came from the start on without a gap."""
        with self._lock:
            is_begun = self._stretches and self._stretches[0][0] == 0
            return self._stretches[0][1] if is_begun else 0

    def gaps(self) -> list[tuple[int, int]]:
        """Stretches that are missing, each from its first byte to the one after its last."""
        with self._lock:
            starts = [0, *(end for _, end in self._stretches)]
            ends = [*(start for start, _ in self._stretches), self.file.size]
        return [gap for gap in zip(starts, ends, strict=True) if gap[0] < gap[1]]

    def open(self) -> int:
        """A descriptor of its bytes, for one thread to write to and to close."""
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def add(self, start: int, end: int) -> None:
        """Counts bytes that were written."""
        with self._lock:
            self._stretches = _merged([*self._stretches, (start, end)])
            self._unsynced.append((start, end))

    def sync(self) -> None:
        """Notes for good what was written so far."""
        with self._lock:
            written = self._unsynced
            if not written:
                return
            count = len(written)
        descriptor = self.open()
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        with self._lock:
            if written is self._unsynced:  # else it was discarded, or finished
                lines = b"".join(b"%d %d\n" % stretch for stretch in _merged(written[:count]))
                with self._journal.open("ab", buffering=0) as journal:
                    journal.write(lines)
                del written[:count]

    def finish(self) -> None:
        """All is there, and was checked."""
        with self.path.open("rb") as part:
            os.fsync(part.fileno())
        with self._lock:
            self._unsynced = []
            self.path.rename(self.whole)
            self._journal.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forgets all bytes."""
        with self._lock:
            self._journal.unlink(missing_ok=True)
            os.truncate(self.path, 0)
            self._stretches, self._unsynced = [], []

    def _read_journal(self) -> None:
        size = min(self.path.stat().st_size, self.file.size)
        with self._journal.open("ab+") as journal:
            journal.seek(0)
            lines = journal.read()
            if lines and not lines.endswith(
                b"\n"
            ):  # the next line must not run into one that was cut
                journal.write(b"\n")
        stretches = []
        for line in lines.split(b"\n"):
            numbers = line.split()
            if len(numbers) == 2 and all(number.isdigit() for number in numbers):
                start, end = map(int, numbers)
                if start < end <= size:
                    stretches.append((start, end))
        self._stretches = _merged(stretches)


def _merged(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same bytes in order, in as few stretches as they need."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
