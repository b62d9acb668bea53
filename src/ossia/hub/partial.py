"""A file that is coming in: its bytes, in any order, and which of them are there.

    NAME.part      the bytes, each at its place
    NAME.ranges    a line "START END" for each stretch of them that is on disk for certain
    NAME           all of it, and its hash was right

A line is written after its bytes were synced, so that neither kill -9 nor a power cut leaves a line
without its bytes; a line that was cut tells of fewer bytes, or of none. Knows bytes; does not know
where they come from. One thread at a time may use it, except for what ``open`` gives.
"""

import os
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
        self._stretches: list[tuple[int, int]] = []
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
        """Bytes that are there."""
        return sum(end - start for start, end in self._stretches)

    @property
    def frontier(self) -> int:
        """How many bytes are there from the start without a gap."""
        return self._stretches[0][1] if self._stretches and self._stretches[0][0] == 0 else 0

    def gaps(self) -> list[tuple[int, int]]:
        """Stretches that are missing, each from its first byte to the one after its last."""
        starts = [0, *(end for _, end in self._stretches)]
        ends = [*(start for start, _ in self._stretches), self.file.size]
        return [gap for gap in zip(starts, ends, strict=True) if gap[0] < gap[1]]

    def open(self) -> int:
        """A descriptor of its bytes, for one thread to write to and to close."""
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def add(self, start: int, end: int) -> None:
        """Notes bytes that are written and synced."""
        with self._journal.open("ab", buffering=0) as journal:
            journal.write(b"%d %d\n" % (start, end))
        self._add(start, end)

    def finish(self) -> None:
        """All is there, and was checked."""
        with self.path.open("rb") as part:
            os.fsync(part.fileno())
        self.path.rename(self.whole)
        self._journal.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forgets all bytes."""
        self._journal.unlink(missing_ok=True)
        os.truncate(self.path, 0)
        self._stretches = []

    def _read_journal(self) -> None:
        size = min(self.path.stat().st_size, self.file.size)
        with self._journal.open("ab+") as journal:
            journal.seek(0)
            lines = journal.read()
            if not lines.endswith(b"\n"):  # the next line must not run into one that was cut
                journal.write(b"\n")
        for line in lines.split(b"\n"):
            numbers = line.split()
            if len(numbers) == 2 and all(number.isdigit() for number in numbers):
                start, end = map(int, numbers)
                if start < end <= size:
                    self._add(start, end)

    def _add(self, start: int, end: int) -> None:
        merged: list[tuple[int, int]] = []
        for first, last in sorted([*self._stretches, (start, end)]):
            if merged and first <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        self._stretches = merged
