"""Small files that are written whole or not at all, by one process at a time.

Knows bytes and locks; does not know what the files say.
"""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ossia.base.errors import InputError, OssiaError, ResourceError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a disk that is full, by whatever is counted."""


def write_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replaces a small file, through a neighbour that is synced and renamed.

    Args:
        mode: who may read it; by default its owner alone.

    Raises:
        InputError: it cannot be written.
        ResourceError: the disk is full.
    """
    with explained(f"cannot write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder for one process at a time; who comes second waits the moment that a change takes.

    Raises:
        InputError: the folder cannot be made or written.
        ResourceError: the disk is full.
    """
    with explained(f"cannot change {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns what the system says into our errors.

    Raises:
        InputError: the system refused.
        ResourceError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise _explanation(what, error) from None


def _explanation(what: str, error: OSError) -> OssiaError:
    if error.errno in NO_ROOM:
        return ResourceError(f"{what}: no room left ({error.strerror}); nothing was changed")
    return InputError(f"{what}: {error.strerror or error}")
