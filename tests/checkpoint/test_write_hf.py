"""Hugging Face's layout: against safetensors, ml_dtypes and transformers itself."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from ossia.base.errors import InputError, ResourceError
from ossia.checkpoint.shape import PRESETS, SyntheticShape
from ossia.checkpoint.source import Source, TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.checkpoint.write_hf import NAMES, write_hf
from ossia.numerics.arrays import Float32
from ossia.numerics.dequantize import to_float32

ReadSafetensors = Callable[[Path], dict[str, tuple[str, NDArray[Any]]]]
Recode = Callable[[Source, Mapping[str, str]], Source]
SHAPE = SyntheticShape.parse("2x64x3x4x2x400")


def _decode(blocks: NDArray[np.uint8], scales: NDArray[np.uint8]) -> Float32:
    """MXFP4 by ml_dtypes: low nibble first, a power of two a block."""
    codes = np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(*scales.shape, 32)
    values = codes.view(ml_dtypes.float4_e2m1fn).astype(np.float32)
    values *= scales.view(ml_dtypes.float8_e8m0fnu).astype(np.float32)[..., None]
    return values.reshape(*scales.shape[:-1], -1)


def test_every_tensor_under_its_released_name(
    tmp_path: Path, read_safetensors: ReadSafetensors
) -> None:
    source = SyntheticCheckpoint(SHAPE, 5)
    written = write_hf(source, tmp_path / "model")
    assert written.files == (tmp_path / "model" / "model.safetensors",)
    assert written.notes == ()
    stored = read_safetensors(tmp_path / "model")
    assert sum(array.nbytes for _, array in stored.values()) == written.nbytes
    for layer in range(2):
        ours, theirs = f"layers.{layer}.", f"model.layers.{layer}."
        for name, stored_name in NAMES.items():
            dtype, array = stored.pop(theirs + stored_name)
            assert dtype == "BF16"
            assert np.array_equal(array, source.read(ours + name))
        experts = theirs + "mlp.experts."
        fused = _decode(stored.pop(f"{experts}gate_up_proj_blocks")[1],
                        stored.pop(f"{experts}gate_up_proj_scales")[1])  # fmt: skip
        down = _decode(stored.pop(f"{experts}down_proj_blocks")[1],
                       stored.pop(f"{experts}down_proj_scales")[1])  # fmt: skip
        fused_bias = stored.pop(f"{experts}gate_up_proj_bias")[1]
        assert np.array_equal(fused[:, 0::2], to_float32(source.read(f"{ours}experts.gate")))
        assert np.array_equal(fused[:, 1::2], to_float32(source.read(f"{ours}experts.up")))
        assert np.array_equal(down, to_float32(source.read(f"{ours}experts.down")))
        assert np.array_equal(fused_bias[:, 0::2], source.read(f"{ours}experts.gate_bias"))
        assert np.array_equal(fused_bias[:, 1::2], source.read(f"{ours}experts.up_bias"))
        down_bias = stored.pop(f"{experts}down_proj_bias")[1]
        assert np.array_equal(down_bias, source.read(f"{ours}experts.down_bias"))
    assert stored.keys() == {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"}
    assert np.array_equal(stored["lm_head.weight"][1], source.read("unembedding"))


def test_experts_of_plain_numbers_are_stored_transposed(
    tmp_path: Path, recode: Recode, read_safetensors: ReadSafetensors
) -> None:
    encodings = {"experts.gate": "BF16", "experts.up": "BF16", "experts.down": "BF16"}
    source = recode(SyntheticCheckpoint(SHAPE, 5), encodings)
    write_hf(source, tmp_path / "model")
    stored = read_safetensors(tmp_path / "model")
    dtype, fused = stored["model.layers.1.mlp.experts.gate_up_proj"]
    assert dtype == "BF16"
    assert fused.shape == (3, 64, 128)
    gate = source.read("layers.1.experts.gate", 2)
    assert np.array_equal(fused[2, :, 0::2].T, gate)
    down = stored["model.layers.1.mlp.experts.down_proj"][1]
    assert np.array_equal(down[1].T, source.read("layers.1.experts.down", 1))
    assert "quantization_config" not in json.loads((tmp_path / "model/config.json").read_text())


def test_q8_becomes_bf16_and_says_so(
    tmp_path: Path, recode: Recode, read_safetensors: ReadSafetensors
) -> None:
    encodings = {"": "Q8_0", "norm": "F32", "bias": "F32", "sinks": "F32"}
    source = recode(SyntheticCheckpoint(SHAPE, 5), encodings)
    written = write_hf(source, tmp_path / "model")
    assert len(written.notes) == 1
    assert "Q8_0" in written.notes[0]
    stored = read_safetensors(tmp_path / "model")
    q = to_float32(source.read("layers.0.attention.q"))
    expected = q.astype(ml_dtypes.bfloat16)
    assert np.array_equal(stored["model.layers.0.self_attn.q_proj.weight"][1], expected)
    assert stored["model.layers.0.mlp.experts.gate_up_proj"][0] == "BF16"


def test_experts_of_two_encodings_become_one(tmp_path: Path, recode: Recode) -> None:
    source = recode(SyntheticCheckpoint(SHAPE, 5), {"layers.1.experts.up": "F32"})
    written = write_hf(source, tmp_path / "model")
    assert any("MXFP4" in note for note in written.notes)


def test_config_has_what_the_released_one_has(
    tmp_path: Path, byte_tokenizer: TokenizerFiles
) -> None:
    write_hf(SyntheticCheckpoint(SHAPE, 5, byte_tokenizer), tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["architectures"] == ["GptOssForCausalLM"]
    assert config["quantization_config"]["quant_method"] == "mxfp4"
    assert (config["eos_token_id"], config["pad_token_id"]) == (257, 258)
    assert config["dtype"] == "bfloat16"
    assert config["rope_scaling"]["truncate"] is False
    generation = json.loads((tmp_path / "model" / "generation_config.json").read_text())
    assert generation["eos_token_id"] == [257, 258, 259]


def test_config_is_the_same_when_its_numbers_were_float32(tmp_path: Path, recode: Recode) -> None:
    source = SyntheticCheckpoint(SHAPE, 5)
    write_hf(source, tmp_path / "before")
    rounded = recode(source, {})
    eps = float(np.float32(source.config["rms_norm_eps"]))
    assert eps != source.config["rms_norm_eps"]
    rounded.config = {**source.config, "rms_norm_eps": eps, "rope_theta": 150_000.0}  # type: ignore[misc]
    write_hf(rounded, tmp_path / "after")
    before, after = ((tmp_path / name / "config.json").read_text() for name in ("before", "after"))
    assert before == after
    assert json.loads(before)["rms_norm_eps"] == 1e-5


def test_the_vocabulary_travels_untouched(tmp_path: Path, byte_tokenizer: TokenizerFiles) -> None:
    assert byte_tokenizer.json is not None
    write_hf(SyntheticCheckpoint(SHAPE, 5, byte_tokenizer), tmp_path / "model")
    assert (tmp_path / "model/tokenizer.json").read_bytes() == byte_tokenizer.json.read_bytes()
    template = (tmp_path / "model/chat_template.jinja").read_bytes().decode()
    assert template == byte_tokenizer.chat_template


def test_two_runs_give_the_same_bytes(tmp_path: Path, byte_tokenizer: TokenizerFiles) -> None:
    for name in ("first", "second"):
        write_hf(SyntheticCheckpoint(SHAPE, 5, byte_tokenizer), tmp_path / name)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_an_error_of_the_source_leaves_nothing(tmp_path: Path, recode: Recode) -> None:
    source = recode(SyntheticCheckpoint(SHAPE, 5), {})
    original = source.read

    def fail(name: str, expert: int | None = None) -> Any:
        if name == "layers.1.experts.down":
            raise KeyboardInterrupt
        return original(name, expert)

    source.read = fail  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        write_hf(source, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(InputError, match="exists already"):
        write_hf(SyntheticCheckpoint(PRESETS["120b"], 0), tmp_path)


def test_a_disk_that_runs_full_is_one_line(tmp_path: Path) -> None:
    """The kernel refuses to let the file grow, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        with pytest.raises(ResourceError, match="no room left"):
            write_hf(SyntheticCheckpoint(SHAPE, 5), tmp_path / "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


_WRITE = """
import resource, sys
from pathlib import Path
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.checkpoint.write_hf import write_hf
source = SyntheticCheckpoint(SyntheticShape.parse(sys.argv[2]), 0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
written = write_hf(source, Path(sys.argv[1]) / "model")
print(written.nbytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    """300 MB of model in less than 60 MB more than it takes to start."""
    command = [sys.executable, "-c", _WRITE, str(tmp_path), "2x1024x80x16x8x20000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    nbytes, grown_kb = map(int, done.stdout.split())
    assert nbytes > 300_000_000
    assert grown_kb < 60_000


@pytest.mark.oracle
@pytest.mark.parametrize(("shape", "spread"), [("2x64x8", 2.0), ("24x128x16", 2.5)])
def test_transformers_runs_it_and_all_stays_sane(tmp_path: Path, shape: str, spread: float) -> None:
    """Finite logits of moderate size, a bounded residual stream, all experts used."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    parsed = SyntheticShape.parse(shape)
    write_hf(SyntheticCheckpoint(parsed, 0), tmp_path / "model")
    model = transformers.GptOssForCausalLM.from_pretrained(
        tmp_path / "model",
        quantization_config=transformers.Mxfp4Config(dequantize=True),
        dtype=torch.float32,
    )
    counts: list[NDArray[np.int64]] = []
    streams: list[float] = []
    for layer in model.model.layers:
        layer.mlp.router.register_forward_hook(
            lambda _m, _i, out: counts.append(
                np.bincount(out[2].numpy().ravel(), minlength=parsed.experts)
            )
        )
        layer.register_forward_hook(
            lambda _m, _i, out: streams.append(float(out.pow(2).mean().sqrt()))
        )
    token_ids = torch.from_numpy(np.random.default_rng(0).integers(0, 2048, (1, 256)))
    with torch.no_grad():
        logits = model(token_ids).logits.numpy()
    assert np.isfinite(logits).all()
    assert 1 < logits.std() < 4
    assert min(streams) > 0.5
    assert max(streams) < 2
    assert len(counts) == parsed.layers
    for used in counts:
        assert used.max() < spread * used.mean()
        assert used.min() > 0
