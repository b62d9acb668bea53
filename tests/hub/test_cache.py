"""The Hugging Face cache, laid out as huggingface_hub lays it out, whole and in pieces."""

import json
import os
from pathlib import Path

import pytest
from tests.hub.conftest import CONFIG, cached

from ossia.hub import HubName
from ossia.hub.cache import cached_folder, cached_models, digest_of, quantized_file

NAME = HubName("openai", "gpt-oss-20b")
FILES = {"config.json": CONFIG, "model.safetensors": b"weights"}


def test_our_layout_is_huggingface_hubs(cache: Path) -> None:
    """The oracle reads it as we do."""
    hub = pytest.importorskip("huggingface_hub")
    snapshot = cached(cache, "openai/gpt-oss-20b", FILES)
    found = hub.try_to_load_from_cache("openai/gpt-oss-20b", "config.json", cache_dir=cache)
    assert Path(found) == snapshot / "config.json"
    (repository,) = hub.scan_cache_dir(cache).repos
    assert repository.repo_id == "openai/gpt-oss-20b"
    assert cached_folder(NAME) == snapshot


def test_a_model_without_all_its_weights_is_not_here(cache: Path) -> None:
    assert cached_folder(NAME) is None
    index = json.dumps({"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}).encode()
    files = {"config.json": CONFIG, "model.safetensors.index.json": index, "m-1.safetensors": b"1"}
    snapshot = cached(cache, "openai/gpt-oss-20b", files)
    assert cached_folder(NAME) is None
    assert list(cached_models()) == []
    cached(cache, "openai/gpt-oss-20b", {"m-2.safetensors": b"2"})
    assert cached_folder(NAME) == snapshot
    (snapshot / "m-1.safetensors").resolve().unlink()  # a link whose blob is gone
    assert cached_folder(NAME) is None


def test_the_snapshot_is_that_of_main_else_the_newest(cache: Path) -> None:
    old = cached(cache, "openai/gpt-oss-20b", FILES, "a" * 40)
    new = cached(cache, "openai/gpt-oss-20b", FILES, "b" * 40)
    assert cached_folder(NAME) == new
    main = cache / "models--openai--gpt-oss-20b" / "refs" / "main"
    main.write_text("a" * 40)
    assert cached_folder(NAME) == old
    main.write_text("../../../..")
    os.utime(new, (1000, 1000))
    assert cached_folder(NAME) == old


def test_quantisations_are_files(cache: Path) -> None:
    parts = {f"Q8_0/x-Q8_0-{n:05}-of-00002.gguf": b"%d" % n for n in (1, 2)}
    files = {"x-Q4_K_M.gguf": b"4", "x-Q4_K.gguf": b"5", "x-mxfp4.gguf": b"m", **parts}
    snapshot = cached(cache, "a/x-GGUF", files)
    name = HubName("a", "x-GGUF")
    assert cached_folder(name) == snapshot
    for quantization, path in (
        ("Q4_K_M", "x-Q4_K_M.gguf"),
        ("Q4_K", "x-Q4_K.gguf"),
        ("MXFP4", "x-mxfp4.gguf"),
        ("Q8_0", "Q8_0/x-Q8_0-00001-of-00002.gguf"),
    ):
        assert cached_folder(HubName("a", "x-GGUF", quantization)) == snapshot / path
    assert quantized_file(snapshot, "F16") is None
    assert [str(found) for found, _ in cached_models()] == [
        *("a/x-GGUF:Q8_0", "a/x-GGUF:Q4_K", "a/x-GGUF:Q4_K_M", "a/x-GGUF:mxfp4")
    ]
    (snapshot / "Q8_0/x-Q8_0-00002-of-00002.gguf").unlink()
    assert quantized_file(snapshot, "Q8_0") is None


def test_models_of_other_kinds_are_left_out(cache: Path) -> None:
    cached(cache, "bert/base", {"config.json": b'{"model_type": "bert"}', "model.safetensors": b""})
    cached(cache, "x/broken", {"config.json": b"{", "model.safetensors": b""})
    (cache / "models--openai--gpt-oss-120b").mkdir(parents=True)
    (cache / "models--..--x").mkdir()
    (cache / "datasets--a--b").mkdir()
    snapshot = cached(cache, "openai/gpt-oss-20b", FILES)
    assert list(cached_models()) == [(NAME, snapshot)]


def test_digests_are_the_blobs_names(cache: Path) -> None:
    snapshot = cached(cache, "openai/gpt-oss-20b", FILES)
    digest = digest_of(snapshot / "model.safetensors")
    assert digest is not None
    assert len(digest) == 64
    assert len(digest_of(snapshot / "config.json") or "") == 40
    (snapshot / "own.txt").write_text("x")
    assert digest_of(snapshot / "own.txt") is None
    (snapshot / "link").symlink_to(snapshot / "own.txt")
    assert digest_of(snapshot / "link") is None
