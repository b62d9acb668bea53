"""A model on the hub before it is here: what is asked of the hub, and what its answers mean.

Knows the hub's answers; does not know how files are fetched, nor where they are kept.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from ossia.base import settings
from ossia.base.errors import InputError, NetworkError, OssiaError
from ossia.hub.digest import Digest
from ossia.hub.names import HubName
from ossia.hub.network import PassingError, Patience, RefusedError, host_of, open_url

_BRIEF = Patience(attempts=3, first=0.5)
_MAX_BYTES = 32 << 20
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,254}", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_][\w.+-]*(/[A-Za-z0-9_][\w.+-]*)*", re.ASCII)


@dataclass(frozen=True)
class RemoteFile:
    """A file on the hub.

    Attributes:
        path: in the repository, with ``/``.
        size: in bytes.
        digest: 64 hexadecimal digits of SHA-256, or 40 of Git's object id for small files.
    """

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Repository:
    """What the hub says of a repository.

    Attributes:
        name: without a quantisation.
        revision: the commit.
        licence: its short name, where the hub knows it.
        is_gated: whether its licence must be accepted first.
        files: by path; those whose names are no plain paths are left out.
    """

    name: HubName
    revision: str
    licence: str | None
    is_gated: bool
    files: Mapping[str, RemoteFile]


def find_repository(name: HubName, revision: str = "main") -> Repository:
    """Asks the hub for a repository.

    Raises:
        InputError: there is none, or the revision is none, or it may not be seen.
        NetworkError: the hub cannot be reached, or answers nonsense.
    """
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise InputError(f"{revision!r:.80} is no revision; expected a branch, a tag or a commit")
    endpoint = settings.hugging_face_endpoint()
    place = f"{name.repository}/revision/{quote(revision, safe='')}"
    try:
        data = _BRIEF.keep_trying(lambda: _read(f"{endpoint}/api/models/{place}?blobs=true"))
    except RefusedError as refusal:
        raise explained(refusal, name, revision) from None
    try:
        return _repository(name, json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NetworkError(
            f"{host_of(endpoint)} answers nonsense about {name.repository} "
            f"({type(error).__name__}: {error!s:.60}); is HF_ENDPOINT a Hugging Face hub?"
        ) from None


def read_file(repository: Repository, file: RemoteFile) -> bytes:
    """A small file whole, checked.

    Raises:
        InputError: it may not be read; NetworkError: as ``find_repository``.
    """
    if file.size > _MAX_BYTES:
        raise InputError(f"{repository.name.repository}: {file.path} has {file.size:,} bytes")
    try:
        data = _BRIEF.keep_trying(lambda: _read(address(repository, file)))
    except RefusedError as refusal:
        raise explained(refusal, repository.name, file.path) from None
    digest = Digest(file.digest, file.size)
    digest.update(data)
    if not digest.is_right:
        raise NetworkError(
            f"{repository.name.repository}: {file.path} is not what the hub lists (its hash "
            "differs); try again later, or another HF_ENDPOINT"
        )
    return data


def read_start(repository: Repository, file: RemoteFile, size: int) -> bytes:
    """The first bytes of a file.

    Raises:
        InputError: it may not be read; NetworkError: as ``find_repository``.
    """
    last = min(size, file.size) - 1
    try:
        return _BRIEF.keep_trying(lambda: _read(address(repository, file), last + 1, (0, last)))
    except RefusedError as refusal:
        raise explained(refusal, repository.name, file.path) from None


def address(repository: Repository, file: RemoteFile) -> str:
    """Where a file is at the hub."""
    place = f"{repository.name.repository}/resolve/{repository.revision}/{quote(file.path)}"
    return f"{settings.hugging_face_endpoint()}/{place}"


def explained(refusal: RefusedError, name: HubName, what: str) -> OssiaError:
    """A refusal in words: what it means, and what to do.

    Args:
        what: the revision or the file that was asked for.
    """
    host, repository = host_of(settings.hugging_face_endpoint()), name.repository
    has_token = settings.hugging_face_token() is not None
    log_in = "set HF_TOKEN, or run hf auth login"
    match refusal.code, refusal.status:
        case "GatedRepo", _:
            then = "the token that you have has no access yet" if has_token else log_in
            page = f"{settings.hugging_face_endpoint()}/{repository}"
            return InputError(f"{repository} is gated: accept its licence at {page}; then {then}")
        case "RevisionNotFound", _:
            return InputError(f"{repository} has no revision {what!r:.80} on {host}")
        case "EntryNotFound", _:
            return InputError(f"{repository} has no file {what!r:.80} on {host}")
        case ("DisabledRepo", _) | (_, 451):
            return InputError(f"{repository} is disabled on {host}: {refusal!s:.200}")
        case code, 401 if has_token and code != "RepoNotFound":
            return InputError(f"{host} does not know the token in HF_TOKEN, or of hf auth login")
        case _, 401 | 403 | 404:
            private = "the token that you have may not see it" if has_token else log_in
            return InputError(
                f"{host} has no model {repository}; check how it is spelled, or if it is private: "
                f"{private}"
            )
    return NetworkError(f"{host} refuses {repository}: {refusal!s:.200}")


def _read(url: str, most: int = _MAX_BYTES, byte_range: tuple[int, int] | None = None) -> bytes:
    """The body of a response, or as much of it as is wanted."""
    with open_url(url, byte_range) as response:
        wanted = most + (byte_range is None)  # one more, to see that it is too long
        length = wanted if response.length is None else min(response.length, wanted)
        try:
            data = response.read(wanted)
        except (OSError, HTTPException, ValueError) as error:
            raise PassingError(f"{host_of(url)}: the connection was cut ({error})") from None
        if response.length is not None and len(data) < length:
            raise PassingError(f"{host_of(url)}: the connection was cut")
    if len(data) > most:
        raise NetworkError(f"{host_of(url)} answers with more than {most >> 20} MB")
    return data


def _repository(name: HubName, document: Any) -> Repository:
    revision = document["sha"]
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise ValueError("the commit is none")
    card = document.get("cardData") or {}
    licence = card.get("license") if isinstance(card, dict) else None
    files = {
        file.path: file for file in map(_file, document["siblings"]) if _PATH.fullmatch(file.path)
    }
    plain = HubName(name.owner, name.title)
    is_short = isinstance(licence, str) and re.fullmatch(r"[\w.+-]{1,60}", licence)
    is_gated = document.get("gated") not in (None, False)
    return Repository(plain, revision, licence if is_short else None, is_gated, files)


def _file(value: Any) -> RemoteFile:
    path, lfs = value["rfilename"], value.get("lfs")
    if lfs:
        size, digest = lfs["size"], lfs["sha256"]
    else:
        size, digest = value["size"], value["blobId"]
    if type(size) is not int or size < 0:
        raise ValueError(f"the size of {path} is {size!r:.20}")
    if not re.fullmatch(r"[0-9a-f]{64}" if lfs else r"[0-9a-f]{40}", digest):
        raise ValueError(f"the hash of {path} is none")
    return RemoteFile(path, size, digest)
