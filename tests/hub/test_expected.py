"""Hashes that are known of a model's files: by the manifest, by the cache, or none."""

from pathlib import Path

from tests.hub.conftest import CONFIG, cached, pulled

from ossia.hub import HubName, OwnName, Persona, expected_files, find
from ossia.hub.personas import keep

NAME = HubName("openai", "gpt-oss-20b")


def test_of_a_pulled_model_the_manifest_tells() -> None:
    manifest = pulled(NAME)
    keep(OwnName("mine"), Persona(str(NAME)))
    for name in ("gpt-oss:20b", "mine"):
        expected = expected_files(find(name))
        assert [file.digest for file in expected] == [file.sha256 for file in manifest.files]
        assert all(file.path.stat().st_size == file.size for file in expected)


def test_of_a_cached_model_the_blobs_do(cache: Path) -> None:
    files = {"config.json": CONFIG, "model.safetensors": b"w"}
    cached(cache, "openai/gpt-oss-20b", files)
    expected = expected_files(find("gpt-oss:20b"))
    assert {file.path.name: len(file.digest) for file in expected} == {
        "config.json": 40,
        "model.safetensors": 64,
    }


def test_of_any_other_nothing_is_known(tmp_path: Path) -> None:
    assert expected_files(find("nano")) == []
    assert expected_files(find(str(tmp_path))) == []
