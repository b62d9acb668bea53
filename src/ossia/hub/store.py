"""The models that ossia pulled: one folder each, with a manifest of what came from where.

    OSSIA_HOME/models/OWNER/TITLE[--QUANTIZATION]/model.json    and beside it the model's files

A folder without its manifest is a download that is not finished. Knows folders and manifests; does
not know how files are fetched, nor what is in them.
"""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ossia.base import settings
from ossia.base.errors import InputError
from ossia.hub.names import HubName, parse
from ossia.hub.writing import explained, locked, write_file

_MANIFEST = "model.json"
_FORMAT = 1
_MAX_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMOVED = ".removed-"


@dataclass(frozen=True)
class StoredFile:
    """One file of a model.

    Attributes:
        path: below the model's folder, with ``/``.
        size: in bytes.
        sha256: in hexadecimal, or None where the hub told none.
    """

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class Manifest:
    """What was pulled, and when.

    Attributes:
        name: canonical, such as ``openai/gpt-oss-20b``.
        revision: the commit on the hub.
        pulled: seconds since 1970.
    """

    name: str
    revision: str
    licence: str | None
    files: tuple[StoredFile, ...]
    pulled: float

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def folder_of(name: HubName) -> Path:
    """Where a model is kept. The hub allows no ``--`` in names, so no two share a folder."""
    title = name.title + (f"--{name.quantization}" if name.quantization else "")
    return _models() / name.owner / title


def record(
    name: HubName, revision: str, licence: str | None, files: tuple[StoredFile, ...]
) -> Manifest:
    """Writes the manifest of a model whose files are all in its folder: from now on it is here.

    Raises:
        InputError: the folder cannot be written.
        ResourceError: the disk is full.
    """
    manifest = Manifest(str(name), revision, licence, files, datetime.now(UTC).timestamp())
    document = {"format": _FORMAT, **asdict(manifest)}
    with locked(_models()):
        write_file(folder_of(name) / _MANIFEST, json.dumps(document, indent=1).encode(), 0o644)
    return manifest


def withdraw(name: HubName) -> None:
    """Takes a model's manifest away while its files change: it is not here until ``record``.

    Raises:
        InputError: the folder cannot be written.
    """
    path = folder_of(name) / _MANIFEST
    with locked(_models()), explained(f"cannot write {path}"):
        path.unlink(missing_ok=True)


def find_manifest(name: HubName) -> Manifest | None:
    """What was pulled under a name; None if nothing was, or not all of it.

    Raises:
        InputError: its manifest is damaged.
    """
    return _read(folder_of(name) / _MANIFEST)


def manifests() -> Iterator[tuple[HubName, Manifest | InputError]]:
    """Every model that was pulled, in order of names; of a damaged manifest the error."""
    for path in sorted(_models().glob(f"[!.]*/[!.]*/{_MANIFEST}")):
        name = _name_of(path.parent)
        try:
            if (manifest := _read(path)) is not None:
                yield name, manifest
        except InputError as error:
            yield name, error


def unfinished() -> Iterator[tuple[HubName, int]]:
    """Downloads that were not finished, and the bytes that they take."""
    for folder in sorted(_models().glob("[!.]*/[!.]*/")):
        if not (folder / _MANIFEST).exists():
            yield _name_of(folder), disk_usage(folder)


def remove(name: HubName) -> int:
    """Removes a model's folder with all that is in it; the bytes that this gives back.

    It is gone at once for everybody, also when deleting is cut off. A process that runs the model
    keeps what it has mapped.

    Raises:
        InputError: there is none, or it cannot be removed.
    """
    folder = folder_of(name)
    with locked(_models()), explained(f"cannot remove {folder}"):
        _sweep()
        if not folder.is_dir():
            raise InputError(f"{name} is not in {_models()}: there is nothing to remove")
        size = disk_usage(folder)
        aside = Path(tempfile.mkdtemp(prefix=_REMOVED, dir=_models()))
        folder.rename(aside / folder.name)
        shutil.rmtree(aside)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()
    return size


def mark_used(folder: Path) -> None:
    """Remembers that a model was used now."""
    with contextlib.suppress(OSError):  # in a folder that only others may write
        os.utime(folder / _MANIFEST)


def last_used(folder: Path) -> float | None:
    """When it was, in seconds since 1970."""
    try:
        return (folder / _MANIFEST).stat().st_mtime
    except OSError:
        return None


def disk_usage(folder: Path) -> int:
    """Bytes of all files in a folder, links not followed."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - no objects
            except OSError:
                continue  # removed meanwhile
    return total


def _models() -> Path:
    return settings.home() / "models"


def _name_of(folder: Path) -> HubName:
    title, _, quantization = folder.name.partition("--")
    return HubName(folder.parent.name, title, quantization or None)


def _sweep() -> None:
    """What a process that died while removing left behind."""
    for leftover in _models().glob(f"{_REMOVED}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _read(path: Path) -> Manifest | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        return _manifest(json.loads(data))
    except (ValueError, KeyError, TypeError, RecursionError, InputError) as error:
        raise InputError(
            f"{path}: a damaged manifest ({error!s:.80}); remove the model and pull it again"
        ) from None


def _manifest(document: Any) -> Manifest:
    if document["format"] != _FORMAT:
        raise ValueError(f"of format {document['format']!r:.20}, this ossia reads {_FORMAT}")
    name, revision, licence = document["name"], document["revision"], document["licence"]
    if not isinstance(parse(name), HubName) or not isinstance(revision, str):
        raise ValueError("no name, or no revision")
    if not (licence is None or isinstance(licence, str)):
        raise ValueError("licence is no text")
    files = tuple(_stored_file(file) for file in document["files"])
    return Manifest(name, revision, licence, files, float(document["pulled"]))


def _stored_file(value: Any) -> StoredFile:
    path, size, sha256 = value["path"], value["size"], value["sha256"]
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError(f"{path!r:.40} is no path below the model's folder")
    if type(size) is not int or size < 0:
        raise ValueError(f"the size of {path} is {size!r:.20}")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise ValueError(f"the sha256 of {path} is none")
    return StoredFile(path, size, sha256)
