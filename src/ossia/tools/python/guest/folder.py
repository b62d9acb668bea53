"""Files in the sandbox's folder, as they are handed in and out.

The model's code owns the folder and may have put anything there: links are not followed, and only
regular files are opened. Knows names and bytes.
"""

import contextlib
import os
import stat
from collections.abc import Iterator

MAX_LISTED = 1000
_MAX_DEPTH = 8

Stamp = tuple[int, int, int]
"""Size, time of the last change, inode: what differs when a file was written."""


class NoFile(OSError):  # noqa: N818 - what it is, not what is done about it
    """There is no such regular file."""


def listing(root: str) -> dict[str, Stamp]:
    """The regular files below a folder: at most ``MAX_LISTED``, at most eight folders deep."""
    found: dict[str, Stamp] = {}
    for name, status in _walk(root, "", 0):
        if len(found) == MAX_LISTED:
            break
        found[name] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def read(root: str, name: str, most: int) -> bytes:
    """A file's bytes.

    Raises:
        NoFile: nothing regular lies there, or it has more than ``most`` bytes.
    """
    parent = _parent(root, name, makes=False)
    try:
        # Not blocking: a pipe of that name must not hold whoever reads.
        opened = os.open(_last(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    except OSError as error:
        raise NoFile(f"no file {name!r}") from error
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise NoFile(f"{name!r} is no regular file")
    with os.fdopen(opened, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise NoFile(f"{name!r} has more than {most} bytes")
    return data


def write(root: str, name: str, data: bytes) -> None:
    """Writes a file anew; whatever had its name is removed first.

    Raises:
        OSError: no space, or a folder has its name.
    """
    parent = _parent(root, name, makes=True)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_last(name), dir_fd=parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(_last(name), flags, 0o644, dir_fd=parent), "wb") as file:
            file.write(data)
    finally:
        os.close(parent)


def _walk(folder: str, prefix: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                if not name.isprintable():  # also what is not UTF-8
                    continue
                if entry.is_file(follow_symlinks=False):
                    yield name, entry.stat(follow_symlinks=False)
                elif depth < _MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                    yield from _walk(entry.path, f"{name}/", depth + 1)
    except OSError:  # removed, or closed to us
        return


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _parent(root: str, name: str, *, makes: bool) -> int:
    """The open folder that a file lies in, reached without following a link."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise NoFile(f"no file {name!r}")
    place = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for part in parts[:-1]:
        try:
            if makes:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=place)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
        except OSError as error:
            raise NoFile(f"no folder {part!r} for {name!r}") from error
        finally:
            os.close(place)
        place = inner
    return place
