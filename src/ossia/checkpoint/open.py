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
from ossia.checkpoint.read_safetensors import INDEX, has_weights
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
    if "\0" in str(path):
        raise CheckpointError(f"{str(path)!r:.80} is no path; {_EXPECTED}")
    try:
        return _open(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None


def _open(path: Path) -> MappedCheckpoint:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return _open_folder(path)
    if not stat.S_ISREG(mode):
        raise CheckpointError(f"{path}: is a device or a pipe; {_EXPECTED}")
    with path.open("rb") as file:
        head = file.read(len(LFS_POINTER))
    if head.startswith(MAGIC):
        return read_gguf(path, path)
    if path.suffix == ".gguf":
        MappedFile(path)  # raises if it is empty or a pointer
        raise CheckpointError(f"{path}: does not begin as a GGUF file does; download it again")
    if path.suffix == ".safetensors" or path.name == INDEX:
        return _open_configured(path, path.parent, path.name)
    if path.name == "config.json":
        return _open_configured(path, path.parent)
    MappedFile(path)
    raise CheckpointError(f"{path}: is no checkpoint; {_EXPECTED}")


def _open_folder(folder: Path) -> MappedCheckpoint:
    """The model of a folder; one in Hugging Face's layout wins over what lies below it."""
    ggufs = sorted(folder.glob("*.gguf"))
    has_config = (folder / "config.json").exists()
    if has_config and (has_weights(folder) or not ggufs):
        return _open_configured(folder, folder)
    if ggufs:
        return read_gguf(folder, _choose(folder, ggufs))
    if has_weights(folder):
        return _open_configured(folder, folder)
    if (folder / "original" / "config.json").exists():
        return _open_configured(folder, folder / "original")
    raise CheckpointError(f"{folder}: holds no model; {_EXPECTED}")


def _open_configured(path: Path, folder: Path, name: str | None = None) -> MappedCheckpoint:
    """A folder with a config.json, whose words tell OpenAI's layout from Hugging Face's."""
    if not (folder / "config.json").exists():
        raise CheckpointError(f"{folder}: has weights but no config.json; download it beside them")
    values = read_object(folder / "config.json", _MAX_CONFIG)
    read = read_openai if is_openai_config(values) else read_hf
    return read(path, folder, name, values)


def _choose(folder: Path, ggufs: list[Path]) -> Path:
    """The only GGUF file of a folder, or the first part of the only split one."""
    models = {part_names(path.name)[0] for path in ggufs}
    if len(models) > 1:
        names = ", ".join(sorted(path.name for path in ggufs))
        raise CheckpointError(
            f"{folder}: holds several models ({names:.200}); give the path of the one you mean"
        )
    return ggufs[0]
