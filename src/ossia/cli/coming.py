"""A model that is not here yet, as far as it can be told before it is downloaded.

Of the released models everything is known without asking. Of others the hub is asked: one in MXFP4
is as its configuration says; of other forms only the size can be told.
"""

from dataclasses import dataclass
from typing import Any

from ossia.base import settings
from ossia.base.errors import InputError, NetworkError
from ossia.checkpoint import Source, SyntheticCheckpoint, SyntheticShape
from ossia.hub import HubName
from ossia.hub.names import DOWNLOAD_BYTES, GPT_OSS_20B, GPT_OSS_120B

_SHAPES = {GPT_OSS_20B: "20b", GPT_OSS_120B: "120b"}


@dataclass(frozen=True, eq=False)
class Coming:
    """What is known of it.

    Attributes:
        source: of the same shape; its weights are not to be read.
        licence: its short name, where the hub knows it.
        size: bytes to download.
    """

    source: Source
    licence: str | None
    size: int


def find_coming(name: HubName) -> Coming | None:
    """What can be told of a model; None where nobody can be asked.

    Raises:
        InputError: the hub has no such model, or it is no gpt-oss, or in a form of which too little
            is known before it is here; then the message tells the size.
    """
    if (shape := _SHAPES.get(name)) is not None:
        source = SyntheticCheckpoint(SyntheticShape.parse(shape))
        return Coming(source, "apache-2.0", DOWNLOAD_BYTES[name])
    if settings.is_offline():
        return None
    from ossia.hub.remote import describe

    try:
        model = describe(name)
    except NetworkError:
        return None
    config = model.config or {}
    try:
        if config["quantization_config"]["quant_method"] == "mxfp4":
            return Coming(SyntheticCheckpoint(_shape(config)), model.licence, model.size)
    except (KeyError, TypeError):
        pass
    licence = f", licence {model.licence}" if model.licence else ""
    raise InputError(
        f"{name} is not here; ossia pull {name} downloads {model.size / 1e9:.1f} GB{licence}; what "
        "memory it takes can be told once it is here"
    )


def _shape(config: Any) -> SyntheticShape:
    """The sizes of a ``config.json``.

    Raises:
        KeyError: it lacks one; TypeError: it is no number; InputError: no gpt-oss has it.
    """
    return SyntheticShape(
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        experts=config["num_local_experts"],
        active=config["num_experts_per_tok"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        head_dim=config["head_dim"],
        vocabulary=config["vocab_size"],
        window=config["sliding_window"],
    )
