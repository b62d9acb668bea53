"""A folder and the index brought into agreement: what is new or changed is read, what is gone goes.

Knows which files are documents; nothing of how they are read or kept. Links are not followed:
nothing outside the folder comes in.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import InputError
from ossia.tools.documents.document import Document
from ossia.tools.documents.index import Index, Stamp
from ossia.tools.documents.read import MAX_BYTES, read_file

_FOLDERS = {"node_modules", "__pycache__", "site-packages", "$RECYCLE.BIN"}
_BINARY = re.compile(
    r"\.(?:"
    r"7z|a|avi|bin|blend|bmp|bz2|class|dat|db|deb|dll|dmg|doc|dylib|eot|exe|"
    r"flac|gguf|gif|gz|heic|ico|img|iso|jar|jpeg|jpg|lock|m4a|mkv|mov|mp3|mp4|"
    r"npy|npz|o|obj|odp|ods|ogg|onnx|otf|parquet|pkl|png|ppt|pptx|psd|pt|pth|"
    r"pyc|rar|rpm|safetensors|so|sqlite|sqlite3|svgz|tar|tif|tiff|ttf|wasm|wav|"
    r"webm|webp|whl|woff|woff2|xls|xlsx|xz|zip|zst"
    r")$",
    re.IGNORECASE,
)
_TOGETHER = 32

Progress = Callable[[int, int, Path], None]
"""Files done, files in all, and the one that is read now."""


@dataclass(frozen=True)
class Report:
    """What came of it: numbers of files, and those that could not be read, with the reason."""

    num_new: int
    num_changed: int
    num_gone: int
    num_same: int
    troubles: tuple[tuple[Path, str], ...]


def update(index: Index, folder: Path, progress: Progress | None = None) -> Report:
    """Brings the index of a folder up to date. What was done stays where it is interrupted.

    Raises:
        InputError: it is no folder, or part of one that is indexed.
        OssiaError: the index cannot be written.
    """
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    index.add_folder(folder)
    known = index.stamps(folder)
    found = dict(documents(folder))
    changed = [path for path, stamp in found.items() if known.get(path) != stamp]
    gone = [path for path in known if path not in found]
    with index.together():
        for path in gone:
            index.drop(path)
    for start in range(0, len(changed), _TOGETHER):
        batch = changed[start : start + _TOGETHER]
        read = []
        for number, path in enumerate(batch, start):
            if progress is not None:
                progress(number, len(changed), path)
            read.append(_read(path))
        with index.together():
            for path, document in zip(batch, read, strict=True):
                index.put(folder, path, found[path], document)
    index.finish_folder(folder)
    num_new = sum(path not in known for path in changed)
    return Report(
        num_new,
        len(changed) - num_new,
        len(gone),
        len(found) - len(changed),
        tuple(index.troubles(folder)),
    )


def documents(folder: Path) -> Iterator[tuple[Path, Stamp]]:
    """The files of a folder that may be documents, in order, each with its stamp.

    Left out are hidden ones, links, what is binary by its name, empty and huge files, and folders
    of programs' own: packages, caches, virtual environments.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return  # not for us to read
    for entry in found:
        if entry.name.startswith(".") or not _is_text(entry.name):
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                path = Path(entry.path)
                if entry.name not in _FOLDERS and not (path / "pyvenv.cfg").exists():
                    yield from documents(path)
            elif entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                is_named_binary = _BINARY.search(entry.name)
                if 0 < status.st_size <= MAX_BYTES and not is_named_binary:
                    yield Path(entry.path), Stamp(status.st_mtime_ns, status.st_size)
        except OSError:
            continue  # gone meanwhile


def _read(path: Path) -> Document | str:
    """A document, or why there is none."""
    try:
        document = read_file(path)
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"{path.name}: {error.strerror or error}"
    return document if document.text.strip() else f"{path.name} is empty"


def _is_text(name: str) -> bool:
    """Whether a name can be written down: names on Linux may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
