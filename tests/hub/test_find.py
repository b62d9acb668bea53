"""Where a model is found: the user's names, the store, the Hugging Face cache, paths."""

import os
from pathlib import Path

import pytest
from tests.hub.conftest import CONFIG, cached, pulled

from ossia.base.errors import InputError
from ossia.hub import (
    EMBEDDED,
    HubName,
    OwnName,
    Persona,
    Place,
    expected_files,
    find,
    meaning,
    missing,
    resolve,
    store,
)
from ossia.hub.personas import keep, path_of

NAME = HubName("openai", "gpt-oss-20b")
FILES = {"config.json": CONFIG, "model.safetensors": b"w"}


def test_a_name_wins_over_a_folder_called_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nano").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve("nano") == EMBEDDED["nano"]
    assert resolve("./nano") == Path("nano")
    (tmp_path / "openai" / "gpt-oss-20b").mkdir(parents=True)
    assert find("openai/gpt-oss-20b").place is Place.DISK
    pulled(NAME)
    assert find("openai/gpt-oss-20b").place is Place.STORE


def test_a_path_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "모델 m.gguf").touch()
    assert resolve(str(tmp_path / "모델 m.gguf")) == tmp_path / "모델 m.gguf"
    monkeypatch.chdir(tmp_path)
    assert resolve("모델 m.gguf") == Path("모델 m.gguf")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/모델 m.gguf") == tmp_path / "모델 m.gguf"


def test_the_store_wins_over_the_cache(cache: Path) -> None:
    snapshot = cached(cache, "openai/gpt-oss-20b", FILES)
    found = find("gpt-oss:20b")
    assert (found.path, found.place, found.on_hub) == (snapshot, Place.CACHE, NAME)
    pulled(NAME)
    found = find("gpt-oss-20b")
    assert (found.path, found.place) == (store.folder_of(NAME), Place.STORE)


def test_ones_own_names_lead_on(tmp_path: Path) -> None:
    keep(OwnName("pirate"), Persona("openai/gpt-oss-20b", "Arr."))
    assert missing("pirate") == NAME
    with pytest.raises(InputError, match="ossia pull gpt-oss:20b"):
        find("pirate")
    pulled(NAME)
    assert missing("pirate") is None
    found = find("pirate")
    assert (found.path, found.own) == (store.folder_of(NAME), OwnName("pirate"))
    assert found.persona == Persona("openai/gpt-oss-20b", "Arr.")
    keep(OwnName("n"), Persona("nano"))
    assert find("n").path == EMBEDDED["nano"]
    (tmp_path / "m.gguf").touch()
    keep(OwnName("m"), Persona(str(tmp_path / "m.gguf")))
    assert resolve("m") == tmp_path / "m.gguf"
    (tmp_path / "m.gguf").unlink()
    with pytest.raises(InputError, match="not there now; ossia rm m"):
        resolve("m")


def test_what_is_known_and_not_here_says_how_to_get_it() -> None:
    with pytest.raises(InputError, match=r"ossia pull gpt-oss:20b \(13\.8 GB\)$"):
        resolve("openai/gpt-oss-20b")
    with pytest.raises(InputError, match=r"ossia pull gpt-oss:120b \(65\.3 GB\)$"):
        resolve("gpt-oss:120b")
    with pytest.raises(InputError, match=r"nor is there a file or folder a/b; .* ossia pull a/b$"):
        resolve("a/b")
    assert missing("gpt-oss:20b") == NAME
    assert missing("nano") is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nanno", "did you mean nano"),
        ("gpt-oss:21b", "did you mean gpt-oss:20b"),
        ("qqqq", "ossia list"),
        ("", "no model's name"),
        ("/nowhere/at/all", "no such file or folder"),
        ("../nowhere", "no such file or folder"),
        ("~no-such-user/m", "no such file or folder"),
        ("a\0b", "control character"),
        ("n" * 300, "longer than any name"),
    ],
)
def test_what_is_nothing_is_told_so_in_a_line(name: str, said: str) -> None:
    for use in (resolve, find, missing, meaning):
        with pytest.raises(InputError, match=said) as caught:
            use(name)
        assert "\n" not in str(caught.value)


def test_a_download_that_is_not_finished_is_not_here() -> None:
    pulled(NAME)
    (store.folder_of(NAME) / "model.json").unlink()
    assert missing("gpt-oss:20b") == NAME


def test_looking_leaves_no_trace_and_running_does() -> None:
    pulled(NAME)
    keep(OwnName("pirate"), Persona("openai/gpt-oss-20b"))
    manifest = store.folder_of(NAME) / "model.json"
    for path in (manifest, path_of(OwnName("pirate"))):
        os.utime(path, (1000, 1000))
    find("pirate")
    meaning("pirate")
    assert manifest.stat().st_mtime == path_of(OwnName("pirate")).stat().st_mtime == 1000
    resolve("pirate")
    assert manifest.stat().st_mtime > 1000
    assert path_of(OwnName("pirate")).stat().st_mtime > 1000


def test_what_a_text_means_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert meaning("nano") == Persona("nano")
    assert meaning("gpt-oss:120b") == Persona("openai/gpt-oss-120b")
    keep(OwnName("pirate"), Persona("openai/gpt-oss-20b", "Arr."))
    assert meaning("pirate") == Persona("openai/gpt-oss-20b", "Arr.")
    pulled(NAME)
    assert meaning("gpt-oss:20b") == Persona("openai/gpt-oss-20b")
    assert meaning("pirate") == Persona("openai/gpt-oss-20b", "Arr.")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    assert meaning("m") == Persona(str(tmp_path / "m"))


def test_a_quantisation_in_the_store_is_its_file() -> None:
    name = HubName("a", "x-GGUF", "Q8_0")
    pulled(name, {"Q8_0/x-Q8_0-00001-of-00001.gguf": b"g"})
    assert find("a/x-GGUF:Q8_0").path.name == "x-Q8_0-00001-of-00001.gguf"
    assert expected_files(find("a/x-GGUF:Q8_0"))[0].path.is_file()
