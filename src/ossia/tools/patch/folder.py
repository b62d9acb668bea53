"""A folder whose files are read and replaced, and that is never left. Knows no patches.

Every step of a path is opened from the one above it, without following links, so that a folder
swapped for a link between check and use leads nowhere.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import InputError

MAX_FILE = 16 << 20  # bytes
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class File:
    """What a file holds, and its permission bits."""

    data: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Edit:
    """A path's file before and after; None where there is none."""

    path: str
    before: File | None
    after: File | None


class Folder:
    """One folder, held open.

    Raises:
        InputError: it is no folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        try:
            self._fd = os.open(self.root, _DIRECTORY)
        except OSError as error:
            raise InputError(f"{root} is no folder that can be opened: {error.strerror}") from error

    def close(self) -> None:
        """Lets go of it. May come twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self, path: str) -> File | None:
        """A file, None where there is none.

        Raises:
            InputError: the path leads out, through a link, or to something that is no file.
        """
        steps = _steps(path)
        try:
            with self._parent(steps) as parent:
                fd = os.open(steps[-1], _FILE, dir_fd=parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refusal(path, error) from error
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path} is no plain file; only those are read and changed")
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise InputError(f"{path} has more than {MAX_FILE >> 20} MiB; it is left alone")
        return File(data, stat.S_IMODE(status.st_mode))

    def files(self, path: str, limit: int) -> list[str]:
        """Paths of the plain files below a folder, sorted, links left out; "" is the whole.

        Raises:
            InputError: the path leads out, through a link, or to no folder.
        """
        steps = () if path in ("", ".", "./") else _steps(path)
        found: list[str] = []
        try:
            with self._parent((*steps, "")) as top:
                for base, folders, names, fd in os.fwalk(".", dir_fd=top):
                    folders[:] = sorted(each for each in folders if each.lower() != ".git")
                    above = "/".join((*steps, *base.split("/")[1:]))
                    for name in sorted(names):
                        with suppress(FileNotFoundError):
                            if stat.S_ISREG(os.lstat(name, dir_fd=fd).st_mode):
                                found.append(f"{above}/{name}".removeprefix("/"))
                    if len(found) >= limit:
                        break
        except OSError as error:
            raise _refusal(path, error) from error
        return [each.encode("utf-8", "replace").decode() for each in found[:limit]]

    def commit(self, edits: Sequence[Edit]) -> None:
        """Makes all edits or none.

        Raises:
            InputError: a file is not as its edit has it before, or cannot be written; names what
                could not be put back, should that fail too.
        """
        for edit in edits:
            if self.read(edit.path) != edit.before:
                raise InputError(f"{edit.path} changed meanwhile; nothing was done; read it again")
        done: list[Edit] = []
        made: list[tuple[str, ...]] = []  # folders, in the order of making
        staged: dict[str, str] = {}
        try:
            for edit in edits:
                if edit.after is not None:
                    self._make_folders(_steps(edit.path)[:-1], made)
                    staged[edit.path] = self._stage(edit.path, edit.after)
            for edit in edits:
                done.append(edit)
                self._swap(edit, staged)
        except OSError as error:
            left = [edit.path for edit in reversed(done) if not self._restore(edit)]
            for path, name in staged.items():
                self._unlink(path, name)
            for steps in reversed(made):
                with suppress(OSError), self._parent(steps) as parent:
                    os.rmdir(steps[-1], dir_fd=parent)
            after = f"could not put back {', '.join(left)}" if left else "nothing was changed"
            raise InputError(f"{error.strerror}; {after}") from error

    @contextmanager
    def _parent(self, steps: tuple[str, ...]) -> Iterator[int]:
        """The open folder that the last step lies in."""
        fd = os.dup(self._fd)
        try:
            for step in steps[:-1]:
                below = os.open(step, _DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def _make_folders(self, steps: tuple[str, ...], made: list[tuple[str, ...]]) -> None:
        """Makes the folders that are missing, and notes each as soon as it is there."""
        for end in range(1, len(steps) + 1):
            with self._parent(steps[:end]) as parent, suppress(FileExistsError):
                os.mkdir(steps[end - 1], dir_fd=parent)
                made.append(steps[:end])

    def _stage(self, path: str, file: File) -> str:
        """Writes a file beside its place, down to the disk; its name there."""
        name = f".ossia-{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._parent(_steps(path)) as parent:
            fd = os.open(name, flags, 0o600, dir_fd=parent)
            try:
                with os.fdopen(fd, "wb") as out:
                    out.write(file.data)
                    out.flush()
                    os.fchmod(fd, file.mode)
                    os.fsync(fd)
            except OSError:
                os.unlink(name, dir_fd=parent)
                raise
        return name

    def _swap(self, edit: Edit, staged: dict[str, str]) -> None:
        steps = _steps(edit.path)
        with self._parent(steps) as parent:
            if edit.after is None:
                os.unlink(steps[-1], dir_fd=parent)
            else:
                os.rename(staged[edit.path], steps[-1], src_dir_fd=parent, dst_dir_fd=parent)
                del staged[edit.path]
            os.fsync(parent)

    def _restore(self, edit: Edit) -> bool:
        """Puts back what was before an edit that was made, or begun; whether it is there again."""
        with suppress(OSError, InputError):
            if self.read(edit.path) != edit.before:
                staged = {}
                if edit.before is not None:
                    staged[edit.path] = self._stage(edit.path, edit.before)
                self._swap(Edit(edit.path, None, edit.before), staged)
            return True
        return False

    def _unlink(self, path: str, name: str) -> None:
        with suppress(OSError), self._parent(_steps(path)) as parent:
            os.unlink(name, dir_fd=parent)


def _steps(path: str) -> tuple[str, ...]:
    """A path's steps, once it is certain that they stay within.

    Raises:
        InputError: it leads out, into .git, or nowhere.
    """
    if path.startswith("/") or "\\" in path or "\0" in path or not path:
        raise InputError(f"{path!r} is no path within the folder; expected one like src/a.py")
    if any("\ud800" <= character <= "\udfff" for character in path):
        raise InputError(f"{path!r} has half a character; no file is named so")
    steps = tuple(step for step in path.split("/") if step not in ("", "."))
    if not steps or ".." in steps:
        raise InputError(f"{path!r} leads out of the folder; expected a path within it")
    if any(step.rstrip(". ").lower() in (".git", "git~1") for step in steps):
        raise InputError(f"{path!r} lies in .git, which is never touched")
    return steps


def _refusal(path: str, error: OSError) -> InputError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return InputError(f"{path} goes through a link or a file; links are not followed")
    return InputError(f"{path} cannot be read: {error.strerror}")
