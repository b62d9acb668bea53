"""A model comes whole into its folder, or is not there: locks, room, repairs, newer revisions."""

import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.hub.hub_server import Fault, Hub

from ossia.base.errors import InputError, NetworkError, ResourceError
from ossia.hub import HubName, download, expected_files, find, missing, store
from ossia.hub.download import pull
from ossia.hub.network import Patience
from ossia.hub.remote import describe

NAME = HubName("openai", "gpt-oss-20b")
QUICK = Patience(attempts=3, first=0.001)
FILES = {
    "config.json": b'{"model_type": "gpt_oss"}',
    "tokenizer.json": b"{}" * 1000,
    "model.safetensors": bytes(range(256)) * 8000,
    "README.md": b"# a",
}


@pytest.fixture(autouse=True)
def released(hub: Hub) -> Hub:
    hub.add("openai/gpt-oss-20b", FILES)
    return hub


@pytest.fixture
def folder() -> Path:
    return store.folder_of(NAME)


def pulled(patience: Patience = QUICK) -> None:
    for _ in pull(describe(NAME), patience):
        pass


def contents(folder: Path) -> dict[str, bytes]:
    """Files below a folder, but for the manifest."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "model.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_model_comes_whole(hub: Hub, folder: Path) -> None:
    assert missing("gpt-oss:20b") == NAME
    pulled()
    assert contents(folder) == FILES
    model = find("gpt-oss:20b")
    assert model.path == folder
    assert [file.size for file in expected_files(model)] == [
        len(FILES[path]) for path in sorted(FILES)
    ]
    manifest = store.find_manifest(NAME)
    assert manifest is not None
    assert manifest.revision == hub.repositories[str(NAME)].commit
    assert all(file.sha256 for file in manifest.files)  # also of those that only have Git's id


def test_until_it_is_whole_it_is_not_here(hub: Hub, folder: Path) -> None:
    hub.faults.append(Fault("cut", times=-1, path="model.safetensors", value=100_000))
    with closing(pull(describe(NAME), QUICK)) as steps:
        for step in steps:
            assert missing("gpt-oss:20b") == NAME
            assert [path.name for path in folder.iterdir()] == [".pull"]
            if step.num_done > 500_000:
                break
    assert [name for name, _ in store.unfinished()] == [NAME]
    hub.faults.clear()
    hub.asked.clear()
    first = next(steps := pull(describe(NAME)))
    assert first.num_done > 400_000
    list(steps)
    assert contents(folder) == FILES


def test_wrong_bytes_are_never_here(hub: Hub, folder: Path) -> None:
    hub.faults.append(Fault("flip", times=-1, path="model.safetensors", value=2_000_000))
    with pytest.raises(NetworkError, match="nothing of it was kept"):
        pulled()
    assert missing("gpt-oss:20b") == NAME
    assert FILES["model.safetensors"][:1000] not in b"".join(contents(folder).values())


def test_pulled_again_nothing_is_fetched(hub: Hub, folder: Path) -> None:
    pulled()
    hub.asked.clear()
    steps = list(pull(describe(NAME)))
    assert {step.note for step in steps} >= {"checking what is here"}
    assert hub.asked_for("storage") == []
    assert contents(folder) == FILES


@pytest.mark.parametrize("damage", [b"", b"x", bytes(256 * 8000)])
def test_pulled_again_it_is_mended(hub: Hub, folder: Path, damage: bytes) -> None:
    pulled()
    (folder / "model.safetensors").write_bytes(damage)
    (folder / "config.json").unlink()
    hub.asked.clear()
    pulled()
    assert contents(folder) == FILES
    assert all("model.safetensors" in asked.path for asked in hub.asked_for("storage"))


def test_a_damaged_manifest_is_mended(folder: Path) -> None:
    pulled()
    (folder / "model.json").write_text("{")
    pulled()
    assert store.find_manifest(NAME) is not None


def test_a_newer_revision_replaces_what_differs(hub: Hub, folder: Path) -> None:
    pulled()
    files = {path: data for path, data in FILES.items() if path != "README.md"}
    made = hub.add(str(NAME), files | {"config.json": FILES["config.json"] + b" ", "LICENSE": b"l"})
    hub.asked.clear()
    hub.faults.append(Fault("status", host="cache", path="LICENSE", times=-1))
    with pytest.raises(NetworkError):
        pulled()
    assert missing(str(NAME)) is None  # the old one is here as long as the new one is not
    assert contents(folder).items() >= FILES.items()
    hub.faults.clear()
    pulled()
    assert contents(folder) == made.files
    manifest = store.find_manifest(NAME)
    assert manifest is not None
    assert manifest.revision == made.commit
    assert hub.asked_for("storage") == []


def test_a_pull_that_died_while_it_named_files_goes_on(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "record", die)
        with pytest.raises(KeyboardInterrupt):
            pulled()
    assert missing(str(NAME)) == NAME
    hub.asked.clear()
    pulled()
    assert contents(folder) == FILES
    assert hub.asked_for("storage") == []


def test_an_update_that_died_while_it_named_files_is_not_here(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of two revisions lie beside each other: nobody may load them."""
    pulled()
    hub.add(str(NAME), FILES | {"config.json": FILES["config.json"] + b" "})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "record", die)
        with pytest.raises(KeyboardInterrupt):
            pulled()
    assert missing(str(NAME)) == NAME
    pulled()
    assert missing(str(NAME)) is None


def test_two_at_once_the_second_waits(hub: Hub, folder: Path) -> None:
    hub.faults.append(Fault("slow", times=-1, path="model.safetensors", value=1 << 20))
    model = describe(NAME)
    first = threading.Thread(target=lambda: list(pull(model)))
    first.start()
    while not list(folder.glob(".pull/*.part")):
        time.sleep(0.01)
    notes = []
    for step in pull(model):
        notes.append(step.note)
        hub.faults.clear()
    first.join()
    assert f"another ossia (process {os.getpid()}) pulls it; waiting" in notes
    assert contents(folder) == FILES
    num_bytes = sum(_length(asked.headers["Range"]) for asked in hub.asked_for("storage")
                    if "Range" in asked.headers)  # fmt: skip
    assert num_bytes < 3 * len(FILES["model.safetensors"])  # it was fetched once


def _length(byte_range: str) -> int:
    start, end = byte_range.removeprefix("bytes=").split("-")
    return int(end) - int(start)


def test_a_model_that_is_removed_meanwhile(hub: Hub, folder: Path) -> None:
    hub.faults.append(Fault("slow", times=-1, path="model.safetensors", value=1 << 20))
    steps = pull(describe(NAME))
    next(steps)
    store.remove(NAME)
    with pytest.raises(InputError, match="was removed while the model was pulled"):
        list(steps)
    assert not folder.exists()
    hub.faults.clear()
    pulled()
    assert contents(folder) == FILES


def test_no_room_is_told_before_a_byte_is_fetched(hub: Hub, folder: Path) -> None:
    model = describe(NAME)
    huge = replace(model, files=(replace(model.files[0], size=10**15), *model.files[1:]))
    hub.asked.clear()
    with pytest.raises(ResourceError, match=r"^no room for 1000000\.0 GB in .* GB are free"):
        list(pull(huge))
    assert hub.asked == []
    assert not folder.parent.exists()  # nothing is left behind


def test_what_is_here_already_needs_no_room(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    needed: list[int] = []
    check = download._check_room
    monkeypatch.setattr(
        download, "_check_room", lambda where, n: (needed.append(n), check(where, n))
    )
    hub.faults.append(Fault("slow", times=-1, path="model.safetensors", value=1 << 20))
    with closing(pull(describe(NAME))) as steps:
        for step in steps:
            if step.num_done > 300_000:
                break
    hub.faults.clear()
    pulled()
    pulled()
    whole = sum(map(len, FILES.values()))
    assert needed[0] == whole
    assert needed[1] <= whole - 200_000
    assert needed[2] == 0


def test_nothing_is_left_of_what_never_began(hub: Hub, folder: Path) -> None:
    model = describe(NAME)
    hub.faults.append(Fault("status", host="hub", times=-1, status=404))
    with pytest.raises(InputError, match="has no model openai/gpt-oss-20b"):
        list(pull(model))
    assert not folder.parent.exists()


MOUNTED = """
import os, sys
from ossia.base.errors import OssiaError
from ossia.hub import HubName, missing
from ossia.hub.download import pull
from ossia.hub.remote import describe
home = os.environ["OSSIA_HOME"]
os.makedirs(home)
assert os.system(f"mount -t tmpfs -o size={sys.argv[1]} tmpfs {home}") == 0
if len(sys.argv) > 2:
    assert os.system(sys.argv[2].format(home=home)) == 0
model = describe(HubName("openai", "gpt-oss-20b"))
from ossia.hub import download
download._SPARE = -(1 << 40)  # as if the room had been there at first
try:
    for _ in pull(model): pass
except OssiaError as error:
    print(error)
assert missing("gpt-oss:20b")
if len(sys.argv) == 2:
    assert os.system(f"mount -o remount,size=64m {home}") == 0
    for _ in pull(model): pass
    assert not missing("gpt-oss:20b")
"""


def mounted(*arguments: str) -> str:
    """What a pull says in a home of its own that has a size."""
    if subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("this system lets nobody make mounts of their own")
    command = ["unshare", "-rm", sys.executable, "-c", MOUNTED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_disk_that_becomes_full_keeps_what_came() -> None:
    told = mounted("1m")
    assert told.startswith("no room left on the disk (No space left on device); what came is kept")


def test_a_read_only_folder_is_told() -> None:
    told = mounted("8m", "mount -o remount,ro {home}")
    assert told.startswith("cannot write ")
    assert told.endswith("Read-only file system\n")
