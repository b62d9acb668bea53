"""Where a checkpoint is written: all of it appears at once, or nothing does.

A writer works on a hidden neighbour of its destination (``.NAME.partial``), which is synced and
renamed at the end and removed on any error. The neighbour is locked while it is written, so that
what a killed process left behind can be told from another's work, and is written over. Knows
nothing of what is written.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ossia.base.errors import InputError, ResourceError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def new_folder(destination: Path, nbytes: int) -> Iterator[Path]:
    """A folder to fill, which becomes ``destination`` when the block ends without an error.

    Args:
        destination: does not exist, or is an empty folder.
        nbytes: what will be written, for the check of free disk.

    Raises:
        InputError: something is at the destination already, or it cannot be written.
        ResourceError: the disk has less room than ``nbytes``, or ran full.
    """
    with _partial(destination, nbytes, is_folder=True) as partial:
        yield partial


@contextmanager
def new_file(destination: Path, nbytes: int) -> Iterator[Path]:
    """A file to fill, which becomes ``destination`` when the block ends; as ``new_folder``."""
    with _partial(destination, nbytes, is_folder=False) as partial:
        yield partial


def check_free(destination: Path, is_folder: bool) -> None:
    """Refuse a destination that exists; an empty folder will do where a folder is wanted.

    Raises:
        InputError: it exists, the folder that it would be in does not, or it can be no name.
    """
    try:
        if is_folder and destination.is_dir() and not any(destination.iterdir()):
            return
        if os.path.lexists(destination):
            raise InputError(f"{destination} exists already; remove it or choose another name")
        if not destination.absolute().parent.is_dir():
            raise InputError(f"there is no folder {destination.absolute().parent} to write into")
    except OSError as error:
        raise InputError(f"cannot write {destination}: {error.strerror or error}") from None


@contextmanager
def _partial(destination: Path, nbytes: int, *, is_folder: bool) -> Iterator[Path]:
    try:
        check_free(destination, is_folder)
        destination = destination.absolute()
        partial = destination.with_name(f".{destination.name}.partial")
        lock = _claim(partial, is_folder)
        try:
            _check_room(destination, nbytes)
            yield partial
            _sync(partial)
            check_free(destination, is_folder)
            partial.rename(destination)
            _sync_one(destination.parent)
        except BaseException:
            _remove(partial)
            raise
        finally:
            os.close(lock)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise ResourceError(
                f"no room left while writing {destination} ({error.strerror}); nothing was kept. "
                "Free some disk, or choose another"
            ) from None
        raise InputError(f"cannot write {destination}: {error.strerror or error}") from None


def _claim(partial: Path, is_folder: bool) -> int:
    """Make the hidden neighbour anew and lock it: the lock's descriptor."""
    if not partial.is_symlink() and partial.exists():
        held = _lock(partial)  # refused when another process is at it; else it is a dead one's
        _remove(partial)
        os.close(held)
    if is_folder:
        partial.mkdir()
    else:
        partial.open("xb").close()
    return _lock(partial)


def _lock(partial: Path) -> int:
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InputError(f"another process is writing {partial.name[1:-8]} right now") from None
    return descriptor


def _check_room(destination: Path, nbytes: int) -> None:
    free = shutil.disk_usage(destination.parent).free
    if free < nbytes:
        raise ResourceError(
            f"not enough disk for {destination}: it takes {nbytes / 1e9:.1f} GB and "
            f"{free / 1e9:.1f} GB are free; free some, or choose another disk"
        )


def _remove(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the disk keep a file, or a folder of files."""
    if path.is_dir():
        for child in sorted(path.iterdir()):
            _sync_one(child)
    _sync_one(path)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
