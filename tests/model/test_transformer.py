"""The forward pass against transformers' GptOssForCausalLM, on checkpoints that it wrote itself."""

from pathlib import Path

import numpy as np
import pytest

from ossia.checkpoint import open_checkpoint
from ossia.model import Config, load_params

pytestmark = pytest.mark.oracle
torch = pytest.importorskip("torch", reason="the oracle needs torch")
transformers = pytest.importorskip("transformers", reason="the oracle needs transformers")

PLAIN = dict(layers=2, hidden=64, inter=64, heads=4, kv_heads=2, head_dim=32, experts=4, active=4)
SHAPES = {
    "plain": PLAIN,
    "many_heads": PLAIN | dict(heads=64, kv_heads=8, head_dim=16),
    "one_kv_head": PLAIN | dict(heads=6, kv_heads=1, head_dim=64, layers=3),
    "many_experts": PLAIN | dict(experts=128, active=4, inter=32),
    "narrow_choice": PLAIN | dict(experts=8, active=1, hidden=96, inter=160),
    "deep": PLAIN | dict(layers=9, experts=8, active=2),
}
LENGTHS = {"plain": 4200, "deep": 300}
VOCABULARY = 97


def random_model(shape: dict[str, int]):
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


def oracle_logits(model, token_ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor([token_ids]), use_cache=False).logits[0].numpy()


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Worst over positions of |ours - theirs| / |theirs| in the Euclidean norm."""
    norms = np.linalg.norm(theirs, axis=-1)
    return float((np.linalg.norm(ours - theirs, axis=-1) / norms).max())


@pytest.mark.parametrize("name", SHAPES)
def test_logits_equal_transformers_at_every_position(name: str, tmp_path: Path, all_logits) -> None:
    model = random_model(SHAPES[name])
    model.save_pretrained(tmp_path)
    source = open_checkpoint(tmp_path)
    config = Config.from_mapping(source.config)
    params = load_params(source, config.num_layers)
    length = LENGTHS.get(name, 200)  # longer than the window; "plain" past the original context
    token_ids = np.random.default_rng(3).integers(0, VOCABULARY, length).tolist()
    chunks = [512] * (length // 512) + [length % 512]
    ours = all_logits(params, config, token_ids, chunks)
    assert relative_error(ours, oracle_logits(model, token_ids)) <= 1e-4


def test_yarn_table_equals_transformers() -> None:
    from ossia.model.config import Rope
    from ossia.model.yarn import rope_table

    for head_dim, truncate in [(64, False), (64, True), (32, False), (16, False), (128, True)]:
        config = transformers.GptOssConfig(head_dim=head_dim)
        config.rope_parameters = dict(config.rope_parameters, truncate=truncate)
        rotary = transformers.models.gpt_oss.modeling_gpt_oss.GptOssRotaryEmbedding(config)
        table = rope_table(Rope(is_truncated=truncate), head_dim)
        np.testing.assert_allclose(table.frequencies, rotary.inv_freq.numpy(), rtol=1e-6)
        assert table.concentration == pytest.approx(rotary.attention_scaling, rel=1e-7)
