"""What the files of a model must hash to, by the manifest or the Hugging Face cache. Reads none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ossia.hub import store
from ossia.hub.cache import digest_of
from ossia.hub.find import Model, Place


@dataclass(frozen=True)
class Expected:
    """One file as the hub has it.

    Attributes:
        size: in bytes.
        digest: 64 hexadecimal digits of SHA-256, or 40 of Git's object id.
    """

    path: Path
    size: int
    digest: str


def expected_files(model: Model) -> Sequence[Expected]:
    """The files whose hashes are known; none of a model that came from elsewhere.

    Raises:
        InputError: the manifest is damaged.
    """
    if model.on_hub is None:
        return []
    if model.place is Place.STORE and (manifest := store.find_manifest(model.on_hub)):
        folder = store.folder_of(model.on_hub)
        return [
            Expected(folder / file.path, file.size, file.sha256)
            for file in manifest.files
            if file.sha256 is not None
        ]
    folder = model.path if model.path.is_dir() else model.path.parent
    found = []
    for path in sorted(folder.rglob("*")):
        if (digest := digest_of(path)) is not None and path.is_file():
            found.append(Expected(path, path.stat().st_size, digest))
    return found
