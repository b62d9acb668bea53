"""Which files of a repository make a gpt-oss that runs here, before any of them is fetched.

Knows what a model's folder needs, and refuses what is no gpt-oss; does not know how it is asked.
"""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ossia.base.errors import InputError
from ossia.hub.names import HubName
from ossia.hub.quantizations import is_of, is_read, label_of, whole_files
from ossia.hub.repository import (
    RemoteFile,
    Repository,
    find_repository,
    read_file,
    read_start,
)

_INDEX = "model.safetensors.index.json"
_NEEDED = ("config.json", "tokenizer.json")
_TEXTS = ("README.md", "LICENSE*", "USAGE_POLICY*")
_BESIDE = (
    *("generation_config.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("chat_template.jinja", *_TEXTS),
)
_GGUF_START = 1 << 16
_ARCHITECTURE = struct.pack("<Q", 20) + b"general.architecture" + struct.pack("<I", 8)


@dataclass(frozen=True)
class RemoteModel:
    """A model on the hub, as it would be pulled.

    Attributes:
        name: as the user calls it, with the quantisation.
        files: all that are needed, and no others.
        config: what config.json says; None of GGUF files, which carry their own.
    """

    name: HubName
    repository: Repository
    files: tuple[RemoteFile, ...]
    config: Mapping[str, Any] | None

    @property
    def revision(self) -> str:
        """The commit."""
        return self.repository.revision

    @property
    def licence(self) -> str | None:
        """Its short name, where the hub knows it."""
        return self.repository.licence

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def describe(name: HubName, revision: str = "main") -> RemoteModel:
    """Asks the hub for a model: its files, and whether it is a gpt-oss at all.

    Of a repository of GGUF files it is the one of the quantisation, or the only one.

    Raises:
        InputError: there is no such model, it is no gpt-oss or not in a form that is read, its
            licence must be accepted first, or a quantisation must be chosen.
        NetworkError: the hub cannot be reached or answers nonsense, or the network is forbidden.
    """
    repository = find_repository(name, revision)
    files = repository.files
    has_weights = _INDEX in files or "model.safetensors" in files
    if name.quantization is None and "config.json" in files and has_weights:
        return _folder(name, repository)
    if ggufs := whole_files(files):
        return _gguf(name, repository, ggufs)
    what = "no GGUF files" if name.quantization else "neither config.json with safetensors nor GGUF"
    raise InputError(f"{name.repository} is nothing that runs here: it has {what}")


def _folder(name: HubName, repository: Repository) -> RemoteModel:
    """Of a Hugging Face folder: weights that the index names, configuration, vocabulary, texts."""
    config = _object(repository, "config.json")
    _check_config(name, config)
    paths = {*_NEEDED, *_matching(repository, _BESIDE)}
    if _INDEX in repository.files:
        paths |= {_INDEX, *_shards(repository)}
    else:
        paths.add("model.safetensors")
    if lacking := sorted(paths - repository.files.keys()):
        raise InputError(
            f"{name.repository} is not complete on the hub: it has no {lacking[0]:.99}"
        )
    files = tuple(repository.files[path] for path in sorted(paths))
    return RemoteModel(name, repository, files, config)


def _shards(repository: Repository) -> set[str]:
    shards = _object(repository, _INDEX).get("weight_map")
    names = [*shards.values()] if isinstance(shards, dict) else []
    if names and all(isinstance(name, str) and name.endswith(".safetensors") for name in names):
        return set(names)
    raise InputError(f"{repository.name.repository}: {_INDEX} names no weights")


def _check_config(name: HubName, config: Mapping[str, Any]) -> None:
    """The same that ``checkpoint`` asks of it, but before gigabytes came."""
    if (kind := config.get("model_type")) != "gpt_oss":
        raise InputError(f"{name.repository} is a {kind!r:.40}; ossia runs gpt-oss models only")
    quantization = config.get("quantization_config")
    method = quantization.get("quant_method") if isinstance(quantization, dict) else None
    if quantization is not None and method != "mxfp4":
        raise InputError(
            f"{name.repository} is quantised by {method!r:.40}; ossia reads MXFP4 as released, "
            "BF16, F16 and F32, and GGUF files"
        )


def _gguf(
    name: HubName, repository: Repository, ggufs: Mapping[str, tuple[str, ...]]
) -> RemoteModel:
    """Of GGUF files one, with all its parts; vocabulary and configuration are inside."""
    wanted = name.quantization
    fitting = [path for path in ggufs if wanted is None or is_of(path, wanted)]
    _check_architecture(name, repository, (fitting or [*ggufs])[0])
    if wanted is not None:  # UD-Q8_0 is one too, but not if there is a plain Q8_0
        fitting = [p for p in fitting if (label_of(p) or "").lower() == wanted.lower()] or fitting
    if len(fitting) != 1 or (wanted is None and "/" in fitting[0]):
        what = "more than one model" if len(ggufs) > 1 else "its GGUF file in a folder"
        what = f"no GGUF file of {wanted}" if wanted and not fitting else what
        raise InputError(f"{name.repository} has {what}; {_choices(name, repository, ggufs)}")
    (path,) = fitting
    if (label := label_of(path)) is not None and not is_read(label):
        raise InputError(
            f"{name.repository}: {path} is quantised in a way that ossia does not read; "
            f"{_choices(name, repository, ggufs)}"
        )
    paths = sorted({*ggufs[path], *_matching(repository, _TEXTS)})
    return RemoteModel(name, repository, tuple(repository.files[p] for p in paths), None)


def _choices(name: HubName, repository: Repository, ggufs: Mapping[str, tuple[str, ...]]) -> str:
    """What there is to choose from, as it is typed."""
    told = {}
    for path, parts in ggufs.items():
        label = label_of(path)
        if label is not None and is_read(label):
            size = sum(repository.files[part].size for part in parts)
            told[label] = f"{name.repository}:{label} ({size / 1e9:.1f} GB)"
    if not told:
        return "none there is of those that ossia reads: MXFP4, Q8_0, F16, BF16, F32"
    return f"choose one of {', '.join(told[label] for label in sorted(told))}"


def _check_architecture(name: HubName, repository: Repository, path: str) -> None:
    """Looks at the first bytes of a GGUF file, where by custom its architecture stands first."""
    start = read_start(repository, repository.files[path], _GGUF_START)
    found = re.search(re.escape(_ARCHITECTURE) + rb"([\x01-\x40])\0{7}", start)
    length = found[1][0] if found else 0
    kind = start[found.end() : found.end() + length].decode("ascii", "replace") if found else None
    if not start.startswith(b"GGUF") or kind != "gpt-oss":
        what = f"of architecture {kind!r:.40}" if kind else "no GGUF file that says what it is"
        raise InputError(f"{name.repository}: {path} is {what}; ossia runs gpt-oss models only")


def _matching(repository: Repository, patterns: tuple[str, ...]) -> list[str]:
    return [path for path in repository.files if any(fnmatchcase(path, p) for p in patterns)]


def _object(repository: Repository, path: str) -> Mapping[str, Any]:
    """A small JSON file of a repository."""
    data = read_file(repository, repository.files[path])
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    raise InputError(f"{repository.name.repository}: {path} is no JSON object")
