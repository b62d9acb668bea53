"""Opens a checkpoint of any layout: what a path is, is decided by what is there.

Knows how the layouts are told apart; each one's reader knows the rest.
"""

import stat
from pathlib import Path

from ossia.base.errors import CheckpointError
from ossia.checkpoint.gguf_header import MAGIC
from ossia.checkpoint.mapped import LFS_POINTER, MappedFile
from ossia.checkpoint.mapped_source import MappedCheckpoint
from ossia.checkpoint.read_gguf import part_names, read_gguf
from ossia.checkpoint.read_hf import read_hf
from ossia.checkpoint.read_openai import is_openai_config, read_openai
from ossia.checkpoint.read_safetensors import (
    has_weights,
    index_names,
    open_files,
    open_folder,
)
from ossia.checkpoint.source import Source
from ossia.checkpoint.strict_json import read_object

_MAX_CONFIG = 1 << 20
_EXPECTED = (
    "expected a folder with config.json and safetensors (openai/gpt-oss-20b, or its original/), "
    "or a GGUF file"
)


def open_checkpoint(path: Path) -> Source:
    """Open a gpt-oss: maps its files and checks every tensor's place, dtype and shape.

    No weight is read. A folder in Hugging Face's layout, OpenAI's ``original/`` or one with a GGUF
    file; or a file: a GGUF (any part of a split one), safetensors beside their config.json, or
    either of the two JSON files.

    Args:
        path: a file or folder.

    Raises:
        CheckpointError: there is nothing, or it is no gpt-oss, incomplete or damaged.
        ResourceError: it does not fit into the address space.
    """
    try:
        return _open(Path(path))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a path with a null byte
        raise CheckpointError(f"{str(path)!r:.80} is no path: {error}") from None


def _open(path: Path) -> MappedCheckpoint:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return _open_folder(path, path)
    if not stat.S_ISREG(mode):
        raise CheckpointError(f"{path}: is a device or a pipe; {_EXPECTED}")
    with path.open("rb") as file:
        head = file.read(len(LFS_POINTER))
    if head.startswith(MAGIC):
        return read_gguf(path, path)
    if path.suffix == ".gguf":
        MappedFile(path)  # raises if it is empty or a pointer
        raise CheckpointError(f"{path}: does not begin as a GGUF file does; download it again")
    if path.suffix == ".json":
        return _open_folder(path, path.parent)
    if path.suffix == ".safetensors":
        return _open_safetensors(path)
    MappedFile(path)
    raise CheckpointError(f"{path}: is no checkpoint; {_EXPECTED}")


def _open_folder(path: Path, folder: Path) -> MappedCheckpoint:
    """The model of a folder; one in Hugging Face's layout wins over what lies below it."""
    ggufs = sorted(folder.glob("*.gguf"))
    has_config = (folder / "config.json").exists()
    if has_config and (has_weights(folder) or not ggufs):
        return _open_configured(path, folder, None)
    if ggufs:
        return read_gguf(path, _choose(folder, ggufs))
    if (folder / "original" / "config.json").exists():
        return _open_configured(path, folder / "original", None)
    if has_weights(folder):
        raise CheckpointError(f"{folder}: has weights but no config.json; download it beside them")
    raise CheckpointError(f"{folder}: holds no model; {_EXPECTED}")


def _open_safetensors(path: Path) -> MappedCheckpoint:
    """One of a folder's weight files stands for all of them; a stranger there for itself."""
    folder = path.parent
    if not (folder / "config.json").exists():
        raise CheckpointError(f"{path}: has no config.json beside it; download it there")
    is_part = path.name in index_names(folder).values() or "-of-" in path.name
    return _open_configured(path, folder, None if is_part else path)


def _open_configured(path: Path, folder: Path, single: Path | None) -> MappedCheckpoint:
    """A folder with a config.json, whose words tell OpenAI's layout from Hugging Face's."""
    values = read_object(folder / "config.json", _MAX_CONFIG)
    read = read_openai if is_openai_config(values) else read_hf
    weights = open_files(str(single), [single]) if single else open_folder(folder)
    return read(path, folder, values, weights)


def _choose(folder: Path, ggufs: list[Path]) -> Path:
    """The only GGUF file of a folder, or the first part of the only split one."""
    models = {part_names(path.name)[0] for path in ggufs}
    if len(models) > 1:
        names = ", ".join(sorted(path.name for path in ggufs))
        raise CheckpointError(
            f"{folder}: holds several models ({names:.200}); give the path of the one you mean"
        )
    return ggufs[0]
