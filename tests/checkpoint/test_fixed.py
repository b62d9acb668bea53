"""What shorter layouts take for granted is checked before it is lost."""

from typing import Any

import pytest

from ossia.base.errors import InputError
from ossia.checkpoint.fixed import check_fixed
from ossia.checkpoint.shape import PRESETS

CONFIG = PRESETS["tiny"].to_config()


def test_a_usual_model_passes() -> None:
    check_fixed(CONFIG, "gguf", {"swiglu_limit": 7.0})
    check_fixed(CONFIG | {"rms_norm_eps": 9.999999747378752e-06}, "openai", {"rms_norm_eps": 1e-5})


@pytest.mark.parametrize(
    "change",
    [
        {"swiglu_limit": 6.0},
        {"layer_types": ["full_attention", "sliding_attention"]},
        {"rope_scaling": {**CONFIG["rope_scaling"], "truncate": True}},
    ],
)
def test_an_unusual_one_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="write it in the layout hf"):
        check_fixed(CONFIG | change, "gguf", {"swiglu_limit": 7.0})
