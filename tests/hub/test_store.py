"""The models that ossia pulled: manifests, removal, and what may go wrong with both."""

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.hub.conftest import pulled

from ossia.base.errors import InputError
from ossia.hub import HubName, store

NAME = HubName("openai", "gpt-oss-20b")
QUANTIZED = HubName("ggml-org", "x-GGUF", "F16")


def test_what_is_recorded_is_found(home: Path) -> None:
    manifest = pulled(NAME)
    assert store.find_manifest(NAME) == manifest
    assert manifest.name == str(NAME)
    assert manifest.size == 1025
    assert store.folder_of(NAME) == home / "models" / "openai" / "gpt-oss-20b"
    assert store.find_manifest(QUANTIZED) is None
    assert list(store.manifests()) == [(NAME, manifest)]


def test_models_come_in_order_and_unfinished_ones_apart() -> None:
    first, second = pulled(QUANTIZED), pulled(NAME)
    begun = store.folder_of(HubName("openai", "gpt-oss-120b"))
    begun.mkdir()
    (begun / "a.partial").write_bytes(b"x" * 10)
    assert list(store.manifests()) == [(QUANTIZED, first), (NAME, second)]
    assert list(store.unfinished()) == [(HubName("openai", "gpt-oss-120b"), 10)]
    assert store.remove(HubName("openai", "gpt-oss-120b")) == 10


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"name": "nano"},
        {"name": "../x"},
        {"files": [{"path": "../../etc/passwd", "size": 1, "sha256": None}]},
        {"files": [{"path": "/etc/passwd", "size": 1, "sha256": None}]},
        {"files": [{"path": "a", "size": -1, "sha256": None}]},
        {"files": [{"path": "a", "size": 1, "sha256": "abc"}]},
        {"files": 3},
        {"pulled": "soon"},
        {"revision": None},
    ],
)
def test_a_damaged_manifest_is_one_line(change: dict[str, object]) -> None:
    pulled(NAME)
    path = store.folder_of(NAME) / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match="damaged manifest") as caught:
        store.find_manifest(NAME)
    assert "\n" not in str(caught.value)
    assert isinstance(next(store.manifests())[1], InputError)
    store.remove(NAME)  # which is what the message says to do


def test_removal_takes_all_and_only_its_own(home: Path) -> None:
    pulled(NAME)
    kept = pulled(HubName("openai", "gpt-oss-120b"))
    packed = store.folder_of(NAME) / ".ossia" / "x.safetensors"
    packed.parent.mkdir()
    packed.write_bytes(b"p" * 50)
    outside = home / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (store.folder_of(NAME) / "link").symlink_to(outside)
    assert store.remove(NAME) >= 1075
    assert not store.folder_of(NAME).exists()
    assert (outside / "file").exists()
    assert [manifest for _, manifest in store.manifests()] == [kept]
    assert [p.name for p in (home / "models").iterdir() if p.name.startswith(".rem")] == []
    with pytest.raises(InputError, match="nothing to remove"):
        store.remove(NAME)
    store.remove(HubName("openai", "gpt-oss-120b"))
    assert not (home / "models" / "openai").exists()


def test_a_folder_that_is_a_link_goes_and_its_target_stays(tmp_path: Path) -> None:
    manifest = pulled(NAME)
    store.folder_of(NAME).rename(tmp_path / "large disk")
    store.folder_of(NAME).symlink_to(tmp_path / "large disk")
    assert list(store.manifests()) == [(NAME, manifest)]
    store.remove(NAME)
    assert list(store.manifests()) == []
    assert (tmp_path / "large disk" / "model.safetensors").exists()


def test_what_a_killed_removal_left_is_swept(home: Path) -> None:
    manifest = pulled(NAME)
    (home / "models" / ".removed-abc" / "x").mkdir(parents=True)
    assert next(store.manifests()) == (NAME, manifest)
    store.remove(NAME)
    assert list((home / "models").glob(".removed*")) == []


def _remove(results: "multiprocessing.Queue[str]") -> None:
    try:
        store.remove(NAME)
        results.put("removed")
    except InputError as error:
        results.put(str(error))


def test_of_two_that_remove_at_once_one_does() -> None:
    pulled(NAME)
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=_remove, args=(results,)) for _ in range(4)]
    for process in processes:
        process.start()
    told = sorted(results.get(timeout=30) for _ in processes)
    for process in processes:
        process.join()
    assert told.count("removed") == 1
    assert all("nothing to remove" in line for line in told if line != "removed")


def test_using_is_remembered() -> None:
    pulled(NAME)
    folder = store.folder_of(NAME)
    os.utime(folder / "model.json", (1000, 1000))
    assert store.last_used(folder) == 1000
    store.mark_used(folder)
    used = store.last_used(folder)
    assert used is not None
    assert used > 1000
    store.mark_used(folder / "nowhere")
    assert store.last_used(folder / "nowhere") is None


def test_a_full_disk_leaves_no_manifest() -> None:
    code = f"""
import resource, signal
from ossia.base.errors import ResourceError
from ossia.hub import HubName, store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, {resource.RLIM_INFINITY}))
try:
    store.record(HubName("openai", "gpt-oss-20b"), "c", None, ())
except ResourceError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no room left" in done.stdout
    assert store.find_manifest(NAME) is None
    assert list(store.folder_of(NAME).iterdir()) == []


def test_a_home_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(InputError, match=r"cannot change .*Not a directory"):
        store.record(NAME, "c", None, ())
    assert list(store.manifests()) == []


def test_a_read_only_folder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user, because root may write anywhere."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    with tempfile.TemporaryDirectory() as home:  # pytest's own folders are closed to others
        Path(home).chmod(0o755)
        monkeypatch.setenv("OSSIA_HOME", home)
        _fail_as_somebody_else()


def _fail_as_somebody_else() -> None:
    pulled(NAME)
    code = """
import os, sys
from ossia.base.errors import InputError
from ossia.hub import HubName, find, store
os.setgid(65534); os.setuid(65534)
name = HubName("openai", "gpt-oss-20b")
print(find(str(name)).place)
store.mark_used(store.folder_of(name))
for change in (lambda: store.remove(name), lambda: store.record(name, "c", None, ())):
    try:
        change()
    except InputError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("Permission denied") == 2
    assert store.find_manifest(NAME) is not None
