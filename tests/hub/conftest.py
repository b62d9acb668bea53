"""A machine of its own for every test: an empty home of ossia's, an empty Hugging Face cache."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.hub_server import Hub, serving

from ossia.hub import store
from ossia.hub.names import HubName
from ossia.hub.store import Manifest, StoredFile

CONFIG = b'{"model_type": "gpt_oss"}'


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    return tmp_path / "home"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub of one's own that ossia asks; nobody is logged in."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "OSSIA_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hf"


def pulled(name: HubName, files: dict[str, bytes] | None = None) -> Manifest:
    """A model in the store, as a pull leaves it."""
    files = files or {"config.json": CONFIG, "model.safetensors": b"w" * 1000}
    folder = store.folder_of(name)
    stored = []
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        stored.append(StoredFile(path, len(data), hashlib.sha256(data).hexdigest()))
    return store.record(name, "c" * 40, "apache-2.0", tuple(stored))


def cached(cache: Path, repository: str, files: dict[str, bytes], commit: str = "c" * 40) -> Path:
    """A model in the Hugging Face cache, laid out as huggingface_hub lays it out."""
    place = cache / f"models--{repository.replace('/', '--')}"
    snapshot = place / "snapshots" / commit
    (place / "blobs").mkdir(parents=True, exist_ok=True)
    (place / "refs").mkdir(exist_ok=True)
    (place / "refs" / "main").write_text(commit)
    for path, data in files.items():
        is_large = path.endswith((".safetensors", ".gguf"))
        digest = hashlib.sha256(data).hexdigest()
        if not is_large:
            digest = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        (place / "blobs" / digest).write_bytes(data)
        link = snapshot / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(place / "blobs" / digest)
    return snapshot
