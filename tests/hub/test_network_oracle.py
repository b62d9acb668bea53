"""The official client against the hub of the tests, and against our settings: the judge of both."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.hub.hub_server import TOKEN, Hub

from ossia.base import settings
from ossia.hub import HubName
from ossia.hub.cache import cached_folder
from ossia.hub.repository import find_repository

pytest.importorskip("huggingface_hub")

FILES = {"config.json": b'{"model_type": "gpt_oss"}', "model.safetensors": bytes(range(256)) * 99}


def official(code: str, tmp_path: Path, **variables: str) -> Any:
    """What the client prints, in a process of its own: it reads the environment once."""
    env = os.environ | {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"} | variables
    script = f"import json, huggingface_hub as hub\n{code}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_official_client_downloads_from_our_hub(hub: Hub, tmp_path: Path) -> None:
    """And what it leaves in its cache, ossia finds there."""
    hub.add("openai/gpt-oss-20b", FILES)
    code = 'print(json.dumps(hub.snapshot_download("openai/gpt-oss-20b")))'
    folder = Path(official(code, tmp_path))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert cached_folder(HubName("openai", "gpt-oss-20b")) == folder


def test_it_reads_the_same_of_a_repository(hub: Hub, tmp_path: Path) -> None:
    hub.add("a/b", FILES, licence="mit", is_gated=True)
    code = """
info = hub.HfApi().model_info("a/b", files_metadata=True)
files = {s.rfilename: [s.size, s.lfs.sha256 if s.lfs else s.blob_id] for s in info.siblings}
print(json.dumps([info.sha, info.gated, info.card_data.license, files]))
"""
    commit, gated, licence, files = official(code, tmp_path)
    ours = find_repository(HubName("a", "b"))
    assert (commit, gated != False, licence) == (ours.revision, ours.is_gated, ours.licence)  # noqa: E712
    assert files == {path: [file.size, file.digest] for path, file in ours.files.items()}


@pytest.mark.parametrize(
    ("name", "path", "token", "error"),
    [
        ("a/gated", "config.json", "", "GatedRepoError"),
        ("a/gated", "config.json", TOKEN, "GatedRepoError"),
        ("a/none", "config.json", "", "RepositoryNotFoundError"),
        ("a/none", "config.json", TOKEN, "RepositoryNotFoundError"),
        ("a/gated", "none", TOKEN, "GatedRepoError"),
        ("a/open", "none", "", "EntryNotFoundError"),
    ],
)
def test_refusals_mean_the_same_to_it(
    hub: Hub, tmp_path: Path, name: str, path: str, token: str, error: str
) -> None:
    hub.add("a/gated", FILES, is_gated=True)
    hub.add("a/open", FILES)
    code = f"""
try:
    hub.hf_hub_download({name!r}, {path!r})
except Exception as error:
    print(json.dumps([kind.__name__ for kind in type(error).__mro__]))
"""
    assert error in official(code, tmp_path, **({"HF_TOKEN": token} if token else {}))


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HF_TOKEN": "hf_env"},
        {"HF_TOKEN": "  hf_spaces\n"},
        {"HUGGING_FACE_HUB_TOKEN": "hf_old"},
        {"HF_TOKEN_PATH": "elsewhere"},
        {"HF_ENDPOINT": "https://mirror.example/"},
        {"HF_HOME": "home"},
        {"HF_HOME": "home", "HF_HUB_CACHE": "cache"},
        {"HF_HUB_OFFLINE": "1"},
        {"HF_HUB_OFFLINE": "0"},
        {"HF_HUB_OFFLINE": "TRUE"},
    ],
)
def test_settings_mean_the_same_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
        monkeypatch.delenv(name)
    (tmp_path / "hub-home").mkdir()
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for place in ("elsewhere", "hub-home/token"):
        (tmp_path / place).write_text(f"hf_from_{place.replace('/', '_')}\n")
    code = """
from huggingface_hub import constants as c
print(json.dumps([c.ENDPOINT, hub.get_token(), c.HF_HUB_OFFLINE, c.HF_HUB_CACHE]))
"""
    theirs = official(code, tmp_path)
    cache = str(settings.hugging_face_cache())
    ours = [settings.hugging_face_endpoint(), settings.hugging_face_token(), settings.is_offline()]
    assert [*ours, cache] == theirs
