"""The forward pass against transformers' GptOssForCausalLM in float32, on the same files.

Most files are written by transformers itself; those with MXFP4 experts, which it only reads, by
ossia. Errors are relative, in the Euclidean norm over the vocabulary, at every position. The cpu
backend computes with weights as released; it keeps keys and values in bfloat16, and so transformers
is made to round them, too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape, convert, open_checkpoint
from ossia.model import Config, prepare_params
from ossia.numerics.arrays import Mxfp4Array
from ossia.ops.cpu import available_instruction_sets
from ossia.ops.select import Backend, select_backend

pytestmark = pytest.mark.oracle
torch = pytest.importorskip("torch", reason="the oracle needs torch")
transformers = pytest.importorskip("transformers", reason="the oracle needs transformers")
modeling = pytest.importorskip("transformers.models.gpt_oss.modeling_gpt_oss")

PLAIN = {
    "layers": 2,
    "hidden": 64,
    "inter": 64,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 32,
    "experts": 4,
    "active": 4,
}
SHAPES = {
    "plain": PLAIN,
    "many_heads": PLAIN | {"heads": 64, "kv_heads": 8, "head_dim": 16},
    "one_kv_head": PLAIN | {"heads": 6, "kv_heads": 1, "head_dim": 64, "layers": 3},
    "as_many_kv_heads": PLAIN | {"heads": 5, "kv_heads": 5, "head_dim": 18},
    "many_experts": PLAIN | {"experts": 128, "active": 4, "inter": 32},
    "narrow_choice": PLAIN | {"experts": 8, "active": 1, "hidden": 96, "inter": 160},
    "deep": PLAIN | {"layers": 9, "experts": 8, "active": 2},
}
LENGTHS = {"plain": 4200, "deep": 300}
VOCABULARY = 97
LARGEST_ERRORS = {"reference": 1e-4, "cpu": 4e-3}
"""Of a thousand keys, some lie so near a tie that the two round them to different neighbours."""


@pytest.fixture(params=LARGEST_ERRORS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """With weights as released; transformers keeps keys and values as this backend does."""
    monkeypatch.setenv("OSSIA_WEIGHTS", "released")
    if request.param == "cpu":
        exact = next(name for name in available_instruction_sets() if "bf16" not in name)
        monkeypatch.setenv("OSSIA_ISA", exact)
        plain = modeling.eager_attention_forward

        def with_rounded_keys_and_values(
            module: Any, query: Any, key: Any, value: Any, *rest: Any, **named: Any
        ) -> Any:
            return plain(
                module, query, key.bfloat16().float(), value.bfloat16().float(), *rest, **named
            )

        monkeypatch.setattr(modeling, "eager_attention_forward", with_rounded_keys_and_values)
    yield select_backend(request.param)
    monkeypatch.undo()
    select_backend(request.param)


def random_model(shape: dict[str, int]) -> Any:
    config = transformers.GptOssConfig(
        num_hidden_layers=shape["layers"],
        hidden_size=shape["hidden"],
        intermediate_size=shape["inter"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape["kv_heads"],
        head_dim=shape["head_dim"],
        num_local_experts=shape["experts"],
        num_experts_per_tok=shape["active"],
        vocab_size=VOCABULARY,
        sliding_window=128,
        max_position_embeddings=131_072,
        eos_token_id=0,
        pad_token_id=0,
    )
    torch.manual_seed(7)
    model = transformers.GptOssForCausalLM._from_config(
        config, attn_implementation="eager", dtype=torch.float32
    ).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = 1.0 if "sinks" in name else parameter.shape[-1] ** -0.5
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(std=spread)
    return model


def assert_equal(path: Path, model: Any, length: int, all_logits: Any, backend: Backend) -> None:
    """What ossia makes of the files at ``path`` equals ``model`` at every position."""
    source = open_checkpoint(path)
    config = Config.from_mapping(source.config)
    params = prepare_params(source, config.num_layers, backend.ops).params
    token_ids = np.random.default_rng(3).integers(0, config.vocabulary, length).tolist()
    chunks = [512] * (length // 512) + [length % 512]
    ours = all_logits(params, config, token_ids, chunks, backend.ops)
    with torch.no_grad():
        theirs = model(torch.tensor([token_ids]), use_cache=False).logits[0].numpy()
    assert ours.shape == theirs.shape == (length, config.vocabulary)
    errors = np.linalg.norm(ours - theirs, axis=-1) / np.linalg.norm(theirs, axis=-1)
    assert errors.max() <= LARGEST_ERRORS[backend.name]


@pytest.mark.parametrize("name", SHAPES)
def test_logits_equal_transformers_at_every_position(
    name: str, tmp_path: Path, all_logits: Any, backend: Backend
) -> None:
    """Prompts are longer than the window; that of "plain" passes the original context too."""
    model = random_model(SHAPES[name])
    model.save_pretrained(tmp_path)
    assert_equal(tmp_path, model, LENGTHS.get(name, 200), all_logits, backend)


def test_logits_of_bf16_experts_in_shards_equal_transformers(
    tmp_path: Path, all_logits: Any, backend: Backend
) -> None:
    """As fine-tuned checkpoints are saved."""
    random_model(SHAPES["narrow_choice"]).bfloat16().save_pretrained(
        tmp_path, max_shard_size="100KB"
    )
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    model = transformers.GptOssForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager", dtype=torch.float32
    ).eval()  # read anew, for bfloat16() has also rounded its rotary frequencies
    assert_equal(tmp_path, model, 300, all_logits, backend)


def test_logits_of_mxfp4_experts_equal_transformers(
    tmp_path: Path, all_logits: Any, backend: Backend
) -> None:
    """As the released checkpoints are: transformers unpacks the same blocks and scales itself."""
    shape = SyntheticShape(3, 96, 160, 6, 3, 8, 2, head_dim=32, vocabulary=VOCABULARY)
    path = tmp_path / "released"
    convert(SyntheticCheckpoint(shape, seed=5), path, to=Layout.HF)
    assert isinstance(open_checkpoint(path).read("layers.2.experts.down"), Mxfp4Array)
    model = transformers.GptOssForCausalLM.from_pretrained(
        path,
        quantization_config=transformers.Mxfp4Config(dequantize=True),
        attn_implementation="eager",
        dtype=torch.float32,
    ).eval()
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert_equal(path, model, 700, all_logits, backend)
