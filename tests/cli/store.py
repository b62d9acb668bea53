"""A machine for tests of the verbs that know models: homes of its own, and a model in the store."""

import hashlib
import shutil
from pathlib import Path

import pytest

from ossia.hub import EMBEDDED, HubName, store
from ossia.hub.store import StoredFile

NAME = "somebody/nano-tuned"


def places(tmp_path: Path) -> dict[str, str]:
    """Environment of a user who has nothing."""
    return {"OSSIA_HOME": str(tmp_path / "home"), "HF_HUB_CACHE": str(tmp_path / "hf")}


def pull_nano(home: dict[str, str]) -> Path:
    """nano in the store, as if it had been pulled; its folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in home.items():
            patch.setenv(name, value)
        owner, title = NAME.split("/")
        name = HubName(owner, title)
        folder = store.folder_of(name)
        shutil.copytree(EMBEDDED["nano"], folder)
        files = tuple(
            StoredFile(p.name, p.stat().st_size, hashlib.sha256(p.read_bytes()).hexdigest())
            for p in sorted(folder.iterdir())
        )
        store.record(name, "c" * 40, "apache-2.0", files)
    return folder
