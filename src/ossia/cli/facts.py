"""What there is to say about a checkpoint, without reading its weights.

Knows how to count; does not know how it is shown.
"""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import ResourceError, TokenizerError
from ossia.bench.expected import Expectation, expected_traffic, measure_bandwidth
from ossia.checkpoint import Source
from ossia.cli.terminal import printable
from ossia.model import Config
from ossia.ops.cpu.bandwidth import PROBE_BYTES
from ossia.ops.select import select_backend
from ossia.tokenizer import load_tokenizer

LAYOUT_NAMES = {
    "hf": "Hugging Face",
    "openai": "OpenAI original",
    "gguf": "GGUF",
    "synthetic": "not here yet",
}


@dataclass(frozen=True)
class Facts:
    """A checkpoint in figures.

    Attributes:
        file_bytes: of the weight files.
        num_parameters: of all tensors, biases and norms included.
        num_active: those that one token uses; as the model card counts, the unembedding is among
            them and the embedding is not.
        encodings: for each encoding the number of tensors and their bytes.
        num_tokens: tokens of the vocabulary, or None without a vocabulary.
        tokenizer: where the vocabulary is, or why there is none.
    """

    path: Path
    layout: str
    files: tuple[Path, ...]
    file_bytes: int
    config: Config
    num_parameters: int
    num_active: int
    encodings: dict[str, tuple[int, int]]
    num_tokens: int | None
    tokenizer: str

    @property
    def weight_bytes(self) -> int:
        """Of all tensors."""
        return sum(nbytes for _, nbytes in self.encodings.values())


def facts_of(source: Source) -> Facts:
    """Count what a checkpoint has.

    Raises:
        CheckpointError: its configuration is no gpt-oss's.
    """
    config = Config.from_mapping(source.config)
    num_parameters = sum(math.prod(info.shape) for info in source.tensors.values())
    num_in_experts = sum(
        math.prod(info.shape)
        for name, info in source.tensors.items()
        if ".experts." in name and name.rsplit(".", 1)[1].split("_")[0] in ("gate", "up", "down")
    )
    num_idle = num_in_experts * (config.num_experts - config.active_experts) // config.num_experts
    num_tensors = Counter(info.encoding for info in source.tensors.values())
    num_bytes: Counter[str] = Counter()
    for info in source.tensors.values():
        num_bytes[info.encoding] += info.nbytes
    num_tokens, tokenizer = _vocabulary(source)
    return Facts(
        path=source.path,
        layout=source.layout.value,
        files=source.files,
        file_bytes=sum(path.stat().st_size for path in source.files),
        config=config,
        num_parameters=num_parameters,
        num_active=num_parameters - num_idle - math.prod(source.tensors["embedding"].shape),
        encodings={name: (num_tensors[name], num_bytes[name]) for name in sorted(num_tensors)},
        num_tokens=num_tokens,
        tokenizer=tokenizer,
    )


def expectation_of(facts: Facts) -> Expectation | None:
    """How fast decoding should be at the start of a conversation; None where nothing is known."""
    if (backend := select_backend()).name != "cpu":
        return None
    is_mxfp4 = "MXFP4" in facts.encodings
    traffic = expected_traffic(facts.config, 512, backend.ops.kv_item_bytes(), is_mxfp4=is_mxfp4)
    if traffic.total < PROBE_BYTES:  # a cache may hold it, and other things take the time
        return None
    try:
        return Expectation(traffic, measure_bandwidth())
    except ResourceError:
        return None


def facts_lines(facts: Facts) -> dict[str, str]:
    """The facts in words, by what they are about."""
    config = facts.config
    num_sliding = sum(window is not None for window in config.windows)
    layers = f"{config.num_layers} layers"
    if num_sliding:
        layers += f", {num_sliding} of them with a window of {config.window:,} tokens"
    encodings = (
        f"{count} {name} ({size(nbytes)})" for name, (count, nbytes) in facts.encodings.items()
    )
    num_tensors = sum(count for count, _ in facts.encodings.values())
    return {
        "path": printable(str(facts.path)),
        "format": f"{LAYOUT_NAMES[facts.layout]}, {counted(len(facts.files), 'file')}, "
        f"{size(facts.file_bytes)}",
        "shape": f"{layers}; hidden {config.hidden:,}; {config.num_experts} experts of "
        f"{config.inter:,}, {config.active_experts} active",
        "attention": f"{config.heads} heads of {config.head_dim}, {config.kv_heads} key/value",
        "parameters": f"{number(facts.num_parameters)}, {number(facts.num_active)} active",
        "tensors": f"{num_tensors}: {', '.join(encodings)}",
        "vocabulary": f"{config.vocabulary:,} rows; {facts.tokenizer}",
        "context": f"up to {config.max_context:,} tokens",
    }


def size(nbytes: float) -> str:
    """Bytes for a reader, in powers of a thousand: 13.8 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if nbytes < 1000:
            return (
                f"{nbytes:.0f} {unit}"
                if nbytes >= 100 or unit == "bytes"
                else f"{nbytes:.1f} {unit}"
            )
        nbytes /= 1000
    return f"{nbytes:,.1f} TB"


def number(count: float) -> str:
    """A count for a reader: 20.9 billion."""
    for unit, scale in (("billion", 1e9), ("million", 1e6)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count:,.0f}"


def counted(count: int, what: str) -> str:
    """A number of things in words: 1 file, 2 files."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _vocabulary(source: Source) -> tuple[int | None, str]:
    files = source.tokenizer
    try:
        tokenizer = load_tokenizer(json=files.json, ranks=files.ranks, gguf=files.gguf)
    except TokenizerError as error:
        return None, f"not usable: {error}"
    where = files.json or files.ranks
    name = where.name if where else "the GGUF's own metadata"
    return tokenizer.vocabulary_size, f"{tokenizer.vocabulary_size:,} tokens in {name}"
