"""The Hugging Face cache: models that other programs downloaded, used where they lie.

    models--OWNER--TITLE/refs/main            the commit that "main" was when it was last asked for
                         snapshots/COMMIT/    files by name, links to
                         blobs/DIGEST         files by SHA-256, small ones by Git's object id

Knows that layout; changes nothing in it, and asks nobody.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ossia.base import settings
from ossia.base.errors import InputError
from ossia.hub.names import HubName, parse
from ossia.hub.quantizations import is_of, label_of, whole_files

_INDEX = "model.safetensors.index.json"
_MAX_BYTES = 1 << 24
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def cached_folder(name: HubName) -> Path | None:
    """What ``checkpoint`` opens of a model in the cache; None unless all of it is there.

    That is the snapshot's folder, or of a quantisation the (first) GGUF file.
    """
    folder = _snapshot(settings.hugging_face_cache() / f"models--{name.owner}--{name.title}")
    if folder is None:
        return None
    if name.quantization is not None:
        return quantized_file(folder, name.quantization)
    return folder if _has_safetensors(folder) or _ggufs(folder) else None


def cached_models() -> Iterator[tuple[HubName, Path]]:
    """Every model of the cache that may be a gpt-oss, in order of names."""
    for place in sorted(settings.hugging_face_cache().glob("models--*--*")):
        try:
            name = parse(place.name.removeprefix("models--").replace("--", "/", 1))
        except InputError:
            continue  # not what the hub would call a repository
        folder = _snapshot(place)
        if folder is None or not isinstance(name, HubName):
            continue
        if _is_gpt_oss(folder) and _has_safetensors(folder):
            yield name, folder
        else:
            yield from _quantized(name, folder)


def _quantized(name: HubName, folder: Path) -> Iterator[tuple[HubName, Path]]:
    """The GGUF files of a repository, each by the quantisation that its own name ends with."""
    found = _ggufs(folder)
    for path in found:
        label = label_of(path.name)
        if len(found) > 1 and label and quantized_file(folder, label) == path:
            yield replace(name, quantization=label), path
        elif len(found) == 1:
            yield name, path


def quantized_file(folder: Path, quantization: str) -> Path | None:
    """The GGUF file of a quantisation, or the first part of it if all parts are there."""
    for path in _ggufs(folder):
        if is_of(path.relative_to(folder).as_posix(), quantization):
            return path
    return None


def digest_of(path: Path) -> str | None:
    """What the cache says that a file's digest is: 64 digits of SHA-256 or 40 of Git's."""
    if not path.is_symlink():
        return None
    target = path.resolve()
    is_named = target.parent.name == "blobs" and _DIGEST.fullmatch(target.name)
    return target.name if is_named else None


def _snapshot(place: Path) -> Path | None:
    """The folder of "main", else the newest."""
    snapshots = place / "snapshots"
    try:
        commit = (place / "refs" / "main").read_text(encoding="ascii").strip()
        if re.fullmatch(r"[0-9a-f]{6,64}", commit) and (snapshots / commit).is_dir():
            return snapshots / commit
    except (OSError, ValueError):
        pass
    try:
        found = [path for path in snapshots.iterdir() if path.is_dir()]
    except OSError:
        return None
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _is_gpt_oss(folder: Path) -> bool:
    config = _read_object(folder / "config.json")
    return config.get("model_type") == "gpt_oss"


def _has_safetensors(folder: Path) -> bool:
    """Whether all weights are there: links whose blobs are missing do not count."""
    if not (folder / "config.json").exists():
        return False
    if (folder / "model.safetensors").exists():
        return True
    shards = _read_object(folder / _INDEX).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        return False
    return all(isinstance(s, str) and (folder / s).exists() for s in set(shards.values()))


def _ggufs(folder: Path) -> list[Path]:
    """GGUF files below a folder: whole ones, and the first part of those that have every part."""
    there = [path for path in folder.rglob("*.gguf") if path.exists()]  # no link without its blob
    return [folder / path for path in whole_files(p.relative_to(folder).as_posix() for p in there)]


def _read_object(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
