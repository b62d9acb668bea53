"""What removing a name would do, before it is done."""

import mmap
import os
from pathlib import Path

import pytest
from tests.hub.conftest import CONFIG, cached, pulled

from ossia.base.errors import InputError
from ossia.hub import HubName, OwnName, Persona, store
from ossia.hub.cache import cached_folder
from ossia.hub.personas import find_persona, keep
from ossia.hub.removal import carry_out, plan_removal, processes_with

NAME = HubName("openai", "gpt-oss-20b")


def test_a_pulled_model_goes_with_all_beside_it() -> None:
    pulled(NAME)
    packed = store.folder_of(NAME) / ".ossia" / "x.safetensors"
    packed.parent.mkdir()
    packed.write_bytes(b"p" * 5000)
    removal = plan_removal("gpt-oss:20b")
    assert removal.folder == store.folder_of(NAME)
    assert removal.size > 6000
    assert removal.outside is None
    carry_out(removal)
    assert store.find_manifest(NAME) is None


def test_an_imported_model_stays(tmp_path: Path) -> None:
    keep(OwnName("mine"), Persona(str(tmp_path)))
    removal = plan_removal("mine")
    assert (removal.folder, removal.outside) == (None, tmp_path)
    keep(OwnName("other"), Persona(str(tmp_path), "Arr."))
    assert plan_removal("mine").outside is None  # "other" still means it
    carry_out(plan_removal("mine"))
    assert find_persona(OwnName("mine")) is None
    assert tmp_path.is_dir()


def test_a_model_with_a_second_name_is_not_taken_from_under_it() -> None:
    pulled(NAME)
    keep(OwnName("pirate"), Persona(str(NAME), "Arr."))
    plan_removal("gpt-oss:20b")  # a persona is no second name
    keep(OwnName("mine"), Persona(str(NAME)))
    with pytest.raises(InputError, match="ossia rm mine gpt-oss:20b"):
        plan_removal("gpt-oss:20b")


def test_a_damaged_name_can_be_forgotten(home: Path) -> None:
    keep(OwnName("bad"), Persona("nano"))
    (home / "names" / "bad.toml").write_text("model =")
    carry_out(plan_removal("bad"))
    assert not (home / "names" / "bad.toml").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nano", "part of ossia"),
        ("qqq", "nothing here is called qqq"),
        ("gpt-oss:120b", "not on this machine"),
        ("../models", "is a path"),
        ("/", "is a path"),
        ("openai/..", "no model's name"),
    ],
)
def test_what_cannot_be_removed(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan_removal(name)


def test_the_hugging_face_cache_is_left_alone(cache: Path) -> None:
    snapshot = cached(
        cache, "openai/gpt-oss-20b", {"config.json": CONFIG, "model.safetensors": b"w"}
    )
    removal = plan_removal("gpt-oss:20b")
    assert (removal.folder, removal.outside) == (None, snapshot)
    carry_out(removal)
    assert cached_folder(NAME) == snapshot


def test_who_runs_a_model_is_seen(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"w" * mmap.PAGESIZE)
    assert processes_with(tmp_path) == []
    with (tmp_path / "weights").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        assert processes_with(tmp_path) == [os.getpid()]
        (tmp_path / "weights").unlink()
        assert mapped[:1] == b"w"  # what is mapped stays
        mapped.close()
    assert processes_with(tmp_path) == []
