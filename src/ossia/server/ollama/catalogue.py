"""What there is to say of a model on this machine, in Ollama's words.

Knows checkpoints by their headers, and reads no weight; does not know which models are loaded.
"""

import math
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from ossia import hub
from ossia.agent import persona_named
from ossia.checkpoint import Source, open_checkpoint
from ossia.checkpoint.packed import fingerprint
from ossia.hub import Persona
from ossia.hub.licence import licence_of
from ossia.model import Config
from ossia.server.ollama.translate import SETTINGS

_OPTIONS = {ours: theirs for theirs, ours in SETTINGS.items()}

_FAMILY = "gptoss"
_LATEST = ":latest"

CAPABILITIES = ("completion", "tools", "thinking")


def with_tag(name: str) -> str:
    """A name as Ollama's clients expect it: what has no tag is the latest."""
    return name if ":" in name else name + _LATEST


def without_tag(name: str) -> str:
    """A name as the house knows it.

    Raises:
        InputError: it is one of the user's, whose file is damaged.
    """
    is_theirs = name.endswith(_LATEST) and persona_named(name) is not None
    return name if is_theirs else name.removesuffix(_LATEST)


def entry(name: str) -> dict[str, Any]:
    """A model as ``/api/tags`` lists it.

    Raises:
        OssiaError: it is not here, or cannot be opened.
    """
    source = open_checkpoint(hub.find(name).path)
    changed = max(path.stat().st_mtime for path in source.files)
    return {
        "name": with_tag(name),
        "model": with_tag(name),
        "modified_at": _time(changed),
        "size": _size(source),
        "digest": fingerprint(source),
        "details": _details(source),
    }


def shown(name: str) -> dict[str, Any]:
    """A model as ``/api/show`` tells of it.

    Raises:
        OssiaError: it is not here, or cannot be opened.
    """
    found = hub.find(name)
    source = open_checkpoint(found.path)
    persona = persona_named(name)
    changed = max(path.stat().st_mtime for path in source.files)
    parameters = _parameters(persona)
    return {
        "modelfile": _modelfile(persona or hub.meaning(name), parameters),
        "parameters": "\n".join(parameters),
        "template": source.tokenizer.chat_template or "",
        "system": (persona and persona.system) or "",
        "license": licence_of(found) or "",
        "details": _details(source),
        "model_info": _model_info(source),
        "capabilities": list(CAPABILITIES),
        "modified_at": _time(changed),
    }


def _modelfile(persona: Persona, parameters: list[str]) -> str:
    lines = [f"FROM {persona.model}", *(f"PARAMETER {line}" for line in parameters)]
    if persona.system is not None:
        lines.append(f'SYSTEM """{persona.system}"""')
    return "".join(f"{line}\n" for line in lines)


def _parameters(persona: Persona | None) -> list[str]:
    """A persona's settings under the names that Ollama has for them."""
    settings = persona.settings if persona is not None else {}
    return [f"{_OPTIONS[name]} {value}" for name, value in settings.items() if name in _OPTIONS]


def _details(source: Source) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf" if source.layout.value == "gguf" else "safetensors",
        "family": _FAMILY,
        "families": [_FAMILY],
        "parameter_size": _in_words(_num_parameters(source)),
        "quantization_level": _encoding(source),
    }


def _model_info(source: Source) -> dict[str, Any]:
    """What clients look up under the names of GGUF's keys."""
    config = Config.from_mapping(source.config)
    shape = {
        "attention.head_count": config.heads,
        "attention.head_count_kv": config.kv_heads,
        "attention.key_length": config.head_dim,
        "attention.sliding_window": config.window,
        "block_count": config.num_layers,
        "context_length": config.max_context,
        "embedding_length": config.hidden,
        "expert_count": config.num_experts,
        "expert_feed_forward_length": config.inter,
        "expert_used_count": config.active_experts,
        "vocab_size": config.vocabulary,
    }
    return {
        "general.architecture": _FAMILY,
        "general.parameter_count": _num_parameters(source),
        **{f"{_FAMILY}.{key}": value for key, value in shape.items()},
    }


def _encoding(source: Source) -> str:
    """The encoding that most of the weights are in."""
    sizes: Counter[str] = Counter()
    for info in source.tensors.values():
        sizes[info.encoding] += math.prod(info.shape)
    return sizes.most_common(1)[0][0]


def _num_parameters(source: Source) -> int:
    return sum(math.prod(info.shape) for info in source.tensors.values())


def _size(source: Source) -> int:
    return sum(path.stat().st_size for path in source.files)


def _in_words(count: int) -> str:
    """A number of parameters as Ollama writes it: 20.9B, 2.8M."""
    for unit, scale in (("B", 10**9), ("M", 10**6)):
        if count >= scale:
            return f"{count / scale:.1f}{unit}"
    return str(count)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
