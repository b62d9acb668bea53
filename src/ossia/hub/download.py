"""A model from the hub into its folder: whole and checked, or not at all.

    FOLDER/.pull/        what is on its way (``partial``), and the lock of who pulls
    FOLDER/model.json    the store's manifest, written last: before it, the model is not here

The same pull again goes on from where the last one stopped; of a model that is here it checks every
file, and fetches what is damaged or newer. Knows the folder; does not know connections.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from ossia.base.errors import InputError, ResourceError
from ossia.hub import store
from ossia.hub.digest import Digest
from ossia.hub.network import Patience
from ossia.hub.partial import PartialFile
from ossia.hub.remote import RemoteModel
from ossia.hub.store import StoredFile
from ossia.hub.transfer import Progress, Transfer
from ossia.hub.writing import explained

_TICK = 0.2
_PIECE = 1 << 24
_SPARE = 64 << 20  # bytes that a disk keeps free


def pull(model: RemoteModel, patience: Patience | None = None) -> Generator[Progress, None, None]:
    """Brings a model here and tells how far it is, some five times a second.

    Whoever stops it early closes it; what came is kept. Another pull of the same model is waited
    for.

    Raises:
        InputError: the hub does not give a file, or the folder cannot be written, or was removed.
        NetworkError: the hub cannot be reached, or sends what is wrong.
        ResourceError: there is no room for it.
    """
    folder = store.folder_of(model.name)
    with explained(f"cannot write {folder}"):
        lock = yield from _locked(folder / ".pull", model.size)
        try:
            yield from _pull(model, folder, lock, patience or Patience())
        except OSError:
            _check_ours(folder, lock)
            raise
        finally:
            if _is_ours(folder, lock):
                _tidy(folder)
            os.close(lock)


def _pull(
    model: RemoteModel, folder: Path, lock: int, patience: Patience
) -> Generator[Progress, None, None]:
    sha256 = yield from _present(model, folder)
    coming = [file for file in model.files if file.path not in sha256]
    parts = [PartialFile(file, folder / ".pull") for file in coming]
    _check_room(folder, sum(part.file.size - part.num_done for part in parts))
    rest = [part for part in parts if not part.is_verified]
    there = model.size - sum(part.file.size for part in rest)
    transfer = Transfer(model.repository, rest, patience)
    with contextlib.closing(transfer.run()) as steps:
        for step in steps:
            _check_ours(folder, lock)
            done, checked = step.num_done + there, step.num_checked + there
            yield replace(step, num_done=done, num_checked=checked, num_all=model.size)
    for part in parts:
        sha256[part.file.path] = transfer.sha256.get(part.file.path) or _sha256(part)
    _put_in_place(model, folder, parts, sha256)


def _present(model: RemoteModel, folder: Path) -> Generator[Progress, None, dict[str, str]]:
    """SHA-256 by path of the files that are in their place and right; each is read."""
    found: dict[str, str] = {}
    done = 0
    for file in model.files:
        path = folder / file.path
        if not path.is_file() or path.stat().st_size != file.size:
            continue
        digest = Digest(file.digest, file.size)
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
                done += len(piece)
                yield Progress(done, done, model.size, "checking what is here")
        if digest.is_right:
            found[file.path] = digest.sha256
    return found


def _put_in_place(
    model: RemoteModel, folder: Path, parts: list[PartialFile], sha256: dict[str, str]
) -> None:
    """Gives files their names, takes those of an older revision away, and writes the manifest."""
    old = _paths_before(model)
    if parts or old != sha256.keys():
        store.withdraw(model.name)
    for part in parts:
        target = folder / part.file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        part.whole.replace(target)
    for path in old - sha256.keys():
        (folder / path).unlink(missing_ok=True)
    for place in {folder, *((folder / path).parent for path in sha256)}:
        _sync_folder(place)
    files = tuple(StoredFile(f.path, f.size, sha256[f.path]) for f in model.files)
    store.record(model.name, model.revision, model.licence, files)
    shutil.rmtree(folder / ".pull")


def _paths_before(model: RemoteModel) -> set[str]:
    """The files of what is here already."""
    try:
        manifest = store.find_manifest(model.name)
    except InputError:  # damaged: it is written anew
        return set()
    return {file.path for file in manifest.files} if manifest else set()


def _locked(pulling: Path, size: int) -> Generator[Progress, None, int]:
    """A descriptor that holds the lock of a folder; tells whom it waits for."""
    while True:
        pulling.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(pulling / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            continue  # who had it is done, and took the folder away
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            os.close(lock)
            yield Progress(0, 0, size, f"another ossia (process {owner}) pulls it; waiting")
            time.sleep(_TICK)
            continue
        if _is_ours(pulling.parent, lock):
            os.truncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
            return lock
        os.close(lock)


def _is_ours(folder: Path, lock: int) -> bool:
    """Whether the folder is still the one that was locked."""
    try:
        return os.path.samestat((folder / ".pull" / "lock").stat(), os.fstat(lock))
    except OSError:
        return False


def _check_ours(folder: Path, lock: int) -> None:
    if not _is_ours(folder, lock):
        raise InputError(
            f"{folder} was removed while the model was pulled; pull again to start anew"
        )


def _check_room(folder: Path, needed: int) -> None:
    """Raises ResourceError: the disk has not so many bytes free."""
    state = os.statvfs(folder)
    free = state.f_bavail * state.f_frsize
    if needed + _SPARE > free:
        raise ResourceError(
            f"no room for {needed / 1e9:.1f} GB in {folder}: {free / 1e9:.1f} GB are free; make "
            "room, or set OSSIA_HOME to a folder on another disk"
        )


def _tidy(folder: Path) -> None:
    """Takes the folder away again if nothing came."""
    pulling = folder / ".pull"
    if not any(path.stat().st_size for path in pulling.iterdir() if path.name != "lock"):
        shutil.rmtree(pulling)
        for place in (folder, folder.parent):
            with contextlib.suppress(OSError):  # not empty
                place.rmdir()


def _sha256(part: PartialFile) -> str:
    """Of a file that an earlier pull had checked."""
    digest = Digest(part.file.digest, part.file.size)
    if len(part.file.digest) == len(digest.sha256):
        return part.file.digest
    digest.update(part.whole.read_bytes())
    return digest.sha256


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
