"""``ossia show``: every layout, every figure, as text and as JSON."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_figures_are_those_of_the_file(ossia: Run, model: Path) -> None:
    """Counted anew with the safetensors package: an MXFP4 block of 16 bytes holds 32 values."""
    facts = json.loads(ossia("show", model, "--json", "--tensors").stdout)
    total = idle = 0
    with safe_open(model / "model.safetensors", "numpy") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            if name.endswith("_scales"):
                continue
            shape = file.get_slice(name).get_shape()
            count = 2 if name.endswith("_blocks") else 1
            for axis in shape:
                count *= axis
            total += count
            idle += count // 2 if ".experts." in name else 0  # 2 of 4 experts are active
    assert facts["num_parameters"] == total
    assert facts["num_active"] == total - idle - 1617 * 64
    assert facts["num_tokens"] == 1617
    assert facts["layout"] == "hf"
    assert sum(tensor["nbytes"] for tensor in facts["tensors"]) == sum(
        encoding["bytes"] for encoding in facts["encodings"].values()
    )


def test_memory_grows_with_the_context(ossia: Run, model: Path) -> None:
    rows = json.loads(ossia("show", model, "--json").stdout)["memory"]
    contexts = [row["context"] for row in rows]
    assert {4096, 8192, 32768, 131072} <= set(contexts)
    assert contexts == sorted(contexts)
    sizes = [row["kv_bytes"] for row in rows]
    assert sizes == sorted(sizes)
    # One full layer: 2 heads of 64 numbers of 2 bytes, keys and values.
    assert sizes[contexts.index(32768)] - sizes[contexts.index(8192)] == 2 * 2 * 64 * 2 * 24576
    assert any(row["fits"] for row in rows)


def test_text_for_a_reader(ossia: Run, model: Path) -> None:
    shown = ossia("show", model).stdout
    for said in ("Hugging Face, 1 file", "4 experts of 64, 2 active", "1,617 tokens", " most"):
        assert said in shown
    listed = ossia("show", model, "--tensors").stdout
    assert listed.startswith(shown[:200])
    assert "layers.1.experts.gate" in listed
    assert listed.count("MXFP4 ") >= 6


@pytest.mark.parametrize(("layout", "name"), [("gguf", "m.gguf"), ("openai", "original")])
def test_every_layout_tells_the_same_model(
    ossia: Run, model: Path, tmp_path: Path, layout: str, name: str
) -> None:
    converted = ossia("convert", model, tmp_path / name, "--to", layout)
    assert converted.returncode == 0, converted.stderr
    assert str(tmp_path / name) in converted.stdout
    ours, theirs = (
        json.loads(ossia("show", path, "--json").stdout) for path in (model, tmp_path / name)
    )
    assert theirs["layout"] == layout
    for same in ("num_parameters", "num_active", "num_tokens", "config"):
        assert ours[same] == theirs[same]


def test_a_model_without_a_vocabulary_is_shown(ossia: Run, model: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).symlink_to(model / name)
    shown = ossia("show", tmp_path)
    assert shown.returncode == 0
    assert "has no vocabulary" in " ".join(shown.stdout.split())


def test_no_model_is_one_line(ossia: Run, tmp_path: Path) -> None:
    done = ossia("show", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_released_model_is_told_before_it_is_downloaded(ossia: Run, tmp_path: Path) -> None:
    env = {"OSSIA_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path)}
    facts = json.loads(ossia("show", "gpt-oss:20b", "--json", env=env).stdout)
    assert facts["num_parameters"] == pytest.approx(20.9e9, rel=0.01)
    assert facts["num_active"] == pytest.approx(3.6e9, rel=0.01)
    assert facts["on_hub"] == "openai/gpt-oss-20b"
    assert facts["path"] is None
    assert facts["speed"]["traffic"]["experts"] == pytest.approx(1.27e9, rel=0.01)
    shown = ossia("show", "gpt-oss:120b", env=env).stdout
    assert "not here; ossia pull gpt-oss:120b downloads 65.3 GB" in " ".join(shown.split())
    assert "ossia pull a/b" in ossia("show", "a/b", env=env).stderr


def test_a_speed_is_told_for_what_memory_bounds(ossia: Run, model: Path) -> None:
    assert json.loads(ossia("show", model, "--json").stdout)["speed"] is None
    assert "not estimated for so small a model" in " ".join(ossia("show", model).stdout.split())


def test_nothing_is_wider_than_a_narrow_terminal(spawn: Any) -> None:
    child = spawn("show", "nano", columns=40)
    child.expect("beside the")
    lines = child.before.replace("\r", "").split("\n")
    assert max(map(len, lines)) <= 40
