"""The YaRN table against transformers' own."""

import numpy as np
import pytest

from ossia.model.config import Rope
from ossia.model.yarn import rope_table

pytestmark = pytest.mark.oracle
transformers = pytest.importorskip("transformers", reason="the oracle needs transformers")


@pytest.mark.parametrize("head_dim", [16, 18, 32, 64, 128])
@pytest.mark.parametrize("truncate", [False, True])
@pytest.mark.parametrize("factor", [32.0, 4.0, 1.0, 0.5])
def test_table_equals_transformers(head_dim: int, truncate: bool, factor: float) -> None:
    config = transformers.GptOssConfig(head_dim=head_dim)
    config.rope_parameters = dict(config.rope_parameters, truncate=truncate, factor=factor)
    rotary = transformers.models.gpt_oss.modeling_gpt_oss.GptOssRotaryEmbedding(config)
    table = rope_table(Rope(factor=factor, is_truncated=truncate), head_dim)
    np.testing.assert_allclose(table.frequencies, rotary.inv_freq.numpy(), rtol=1e-6)
    assert table.concentration == pytest.approx(rotary.attention_scaling, rel=1e-7)
