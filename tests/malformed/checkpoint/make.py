"""Makes the hostile files of this folder, and ``expected.json``: what each one's message must say.

Run it after a change: ``python tests/malformed/checkpoint/make.py``. Files named ``*.safetensors``
and ``*.index.json`` are tried beside a good config.json, files named ``*.config.json`` as a
config.json, and files named ``*.gguf`` alone.
"""

import json
import struct
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

GOOD_CONFIG: dict[str, Any] = {
    "model_type": "gpt_oss",
    "num_hidden_layers": 1,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "num_local_experts": 2,
    "num_experts_per_tok": 1,
    "vocab_size": 32,
}


def safetensors(header: bytes | dict[str, Any], data: int = 0, length: int | None = None) -> bytes:
    """A file with this header, ``data`` zero bytes, and another length if one is told."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(data)


def tensor(start: Any, end: Any, dtype: Any = "BF16", shape: Any = None) -> dict[str, Any]:
    """An entry of a header; the shape is the one that fits unless told."""
    shape = [(end - start) // 2] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def key(name: str | bytes, kind: int, value: bytes) -> bytes:
    return string(name) + struct.pack("<I", kind) + value


def axes(name: str, kind: int, *shape: int, offset: int = 0) -> bytes:
    head = string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return head + struct.pack("<IQ", kind, offset)


ARCHITECTURE = key("general.architecture", 8, string("gpt-oss"))


def gguf(
    keys: tuple[bytes, ...] = (ARCHITECTURE,),
    tensors: tuple[bytes, ...] = (),
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    data: int = 0,
) -> bytes:
    """A file of these keys and tensors, padded, with ``data`` zero bytes behind."""
    counts = counts or (len(tensors), len(keys))
    front = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join(keys) + b"".join(tensors)
    return front + bytes(-len(front) % 32 + data)


SAFETENSORS = {
    "short": (b"\x10\x00", "truncated .2 bytes"),
    "header-beyond-file": (safetensors(b"{}", length=1000), "truncated .*1,000 bytes"),
    "header-absurd": (safetensors(b"{}", length=2**63), "header would have 9,223,372,036,854,775"),
    "header-over-100-mb": (safetensors(b"{}", length=100_000_001), "header would have 100,000,001"),
    "header-no-json": (safetensors(b"{'a': 1}"), "header: not JSON"),
    "header-no-utf8": (safetensors(b'{"\xff": 1}'), "header: not JSON"),
    "header-a-list": (safetensors(b"[]"), "expected a JSON object, found a list"),
    "header-empty": (safetensors(b""), "header: not JSON"),
    "bomb": (safetensors(b'{"a":' + b"[" * 50_000), "nested too deeply|not JSON"),
    "bomb-closed": (safetensors(b"[" * 50_000 + b"]" * 50_000), "nested too deeply"),
    "digits": (safetensors(b'{"a":' + b"9" * 5000 + b"}"), "header: not JSON"),
    "nan": (safetensors(b'{"a": NaN}'), "NaN is no number"),
    "duplicate": (
        safetensors(b'{"a": {"dtype": "U8"}, "a": {"dtype": "U8"}}'),
        "the key 'a' stands twice",
    ),
    "entry-a-number": (safetensors({"a": 5}), "no usable data_offsets"),
    "offsets-missing": (safetensors({"a": {"dtype": "U8", "shape": [0]}}), "no usable data_off"),
    "offsets-negative": (safetensors({"a": tensor(-2, 2, shape=[2])}), "no usable data_offsets"),
    "offsets-backward": (safetensors({"a": tensor(4, 2, shape=[1])}), "no usable data_offsets"),
    "offsets-true": (safetensors({"a": tensor(False, True, "U8", [1])}, 1), "no usable data_off"),
    "offsets-real": (safetensors({"a": tensor(0.0, 2.0, shape=[1])}, 2), "no usable data_offsets"),
    "offsets-infinite": (
        safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1e999]}}'),
        "no usable data_offsets",
    ),
    "offsets-absurd": (safetensors({"a": tensor(0, 2**64, "U8", [2**64])}), "no usable data_off"),
    "overlap": (safetensors({"a": tensor(0, 4), "b": tensor(2, 6)}, 6), "'b' overlaps another"),
    "hole": (safetensors({"a": tensor(0, 4), "b": tensor(6, 8)}, 8), "'b' leaves a hole"),
    "hole-at-start": (safetensors({"a": tensor(2, 4)}, 4), "'a' leaves a hole"),
    "bytes-behind": (safetensors({"a": tensor(0, 4)}, 5), "1 bytes after its last tensor"),
    "cut-off": (safetensors({"a": tensor(0, 1000)}, 10), "truncated"),
    "dtype-unknown": (safetensors({"a": tensor(0, 4, "F7")}, 4), "unknown dtype 'F7'"),
    "dtype-a-list": (safetensors({"a": tensor(0, 4, ["F16"])}, 4), "unknown dtype"),
    "shape-wrong": (safetensors({"a": tensor(0, 4, shape=[3])}, 4), "takes 6 bytes by its shape"),
    "shape-negative": (safetensors({"a": tensor(0, 4, shape=[-1, -2])}, 4), "has the shape"),
    "shape-overflow": (safetensors({"a": tensor(0, 0, shape=[2**33, 2**33])}), "takes 147,573,9"),
    "shape-of-many-axes": (safetensors({"a": tensor(0, 2, shape=[1] * 1000)}, 2), "has the shape"),
    "name-of-lines": (safetensors({"a\nb": tensor(0, 4, shape=[3])}, 4), r"'a\\nb' takes 6"),
    "foreign": (safetensors({"a": tensor(0, 4)}, 4), "lacks the tensor model.embed_tokens.weight"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "is a git-lfs pointer",
    ),
    "zero-length": (b"", "is empty"),
}

INDEXES = {
    "traversal": ({"weight_map": {"a": "../x.safetensors"}}, r"names the file '\.\./x\.saf"),
    "absolute": ({"weight_map": {"a": "/etc/passwd"}}, "names the file '/etc/passwd'"),
    "parent": ({"weight_map": {"a": ".."}}, r"names the file '\.\.'"),
    "null-byte": ({"weight_map": {"a": "x\0y"}}, r"names the file 'x\\x00y'"),
    "a-number": ({"weight_map": {"a": 3}}, "names the file 3"),
    "a-list": ({"weight_map": ["a"]}, "has no weight_map"),
    "without-map": ({"metadata": {}}, "has no weight_map"),
    "missing-shard": ({"weight_map": {"a": "m-00001-of-00002.safetensors"}}, "lacks 'm-00001-of-"),
    "name-too-long": ({"weight_map": {"a": "x" * 5000}}, "cannot be read: File name too long"),
}

CONFIGS: dict[str, tuple[Any, str]] = {
    "llama": (GOOD_CONFIG | {"model_type": "llama"}, "is a 'llama', not a gpt-oss"),
    "nameless": ({"hidden_size": 5}, "names no model_type"),
    "without-layers": (
        {k: v for k, v in GOOD_CONFIG.items() if k != "num_hidden_layers"},
        "says no num_hidden_layers",
    ),
    "layers-absurd": (
        GOOD_CONFIG | {"num_hidden_layers": 10**9},
        "num_hidden_layers is 1000000000",
    ),
    "layers-negative": (GOOD_CONFIG | {"num_hidden_layers": -1}, "num_hidden_layers is -1"),
    "layers-real": (GOOD_CONFIG | {"num_hidden_layers": 1.5}, "num_hidden_layers is 1.5"),
    "layers-true": (GOOD_CONFIG | {"num_hidden_layers": True}, "num_hidden_layers is True"),
    "hidden-text": (GOOD_CONFIG | {"hidden_size": "32"}, "hidden_size is '32'"),
    "hidden-huge": (GOOD_CONFIG | {"hidden_size": 10**400}, "hidden_size is 1000"),
    "vocabulary-absurd": (GOOD_CONFIG | {"vocab_size": 2**40}, "vocab_size is 1099511627776"),
    "heads-uneven": (
        GOOD_CONFIG | {"num_attention_heads": 3, "num_key_value_heads": 2},
        "3 query heads cannot share 2",
    ),
    "head-odd": (GOOD_CONFIG | {"head_dim": 31}, "head_dim must be even"),
    "active-too-many": (GOOD_CONFIG | {"num_experts_per_tok": 3}, "3 experts cannot be active"),
    "layer-types-short": (GOOD_CONFIG | {"layer_types": []}, "layer_types must name"),
    "layer-types-strange": (GOOD_CONFIG | {"layer_types": [["x"]]}, "layer_types must name"),
    "window-null": (GOOD_CONFIG | {"sliding_window": None}, "sliding_window is null"),
    "theta-zero": (GOOD_CONFIG | {"rope_theta": 0}, "rope_theta is 0"),
    "eps-text": (GOOD_CONFIG | {"rms_norm_eps": "small"}, "rms_norm_eps is 'small'"),
    "infinite": (b'{"model_type": "gpt_oss", "swiglu_limit": Infinity}', "Infinity is no number"),
    "rope-a-number": (GOOD_CONFIG | {"rope_scaling": 4}, "the rotary embedding is 4"),
    "rope-linear": (
        GOOD_CONFIG | {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        "of the type 'linear'",
    ),
    "rope-without-factor": (GOOD_CONFIG | {"rope_scaling": {"type": "yarn"}}, "factor is None"),
    "rope-factor-zero": (
        GOOD_CONFIG | {"rope_parameters": {"rope_type": "yarn", "factor": 0}},
        "factor is 0",
    ),
    "rope-attention-factor": (
        GOOD_CONFIG
        | {"rope_scaling": {"rope_type": "yarn", "factor": 32.0, "attention_factor": 2.0}},
        "attention_factor is 2.0; expected 1.34657",
    ),
    "rope-mscale": (
        GOOD_CONFIG | {"rope_scaling": {"rope_type": "yarn", "factor": 32.0, "mscale": 0.7}},
        "has mscale",
    ),
    "quantised": (
        GOOD_CONFIG | {"quantization_config": {"quant_method": "bitsandbytes"}},
        "quantised by 'bitsandbytes'",
    ),
    "tied": (GOOD_CONFIG | {"tie_word_embeddings": True}, "tie_word_embeddings is True"),
    "other-activation": (GOOD_CONFIG | {"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
    "a-list": ([1], "expected a JSON object, found a list"),
    "duplicate": (b'{"model_type": "gpt_oss", "model_type": "gpt_oss"}', "stands twice"),
    "bomb": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
    "empty": (b"", "is empty"),
    "openai-context-text": (
        {"num_experts": 2, "initial_context_length": "long"},
        "initial_context_length is 'long'",
    ),
    "openai-factor-absurd": (
        {"num_experts": 2, "rope_scaling_factor": 1e300},
        "rope_scaling_factor is 1e",
    ),
    "openai-without-layers": ({"num_experts": 2}, "says no num_hidden_layers"),
}

GGUFS = {
    "other-magic": (b"GGML" + bytes(60), "does not begin as a GGUF file does"),
    "zero-length": (b"", "is empty"),
    "lfs": (SAFETENSORS["lfs"][0], "is a git-lfs pointer"),
    "magic-alone": (b"GGUF", "truncated"),
    "version-1": (gguf(version=1), "GGUF of version 1; ossia reads 2 and 3"),
    "version-99": (gguf(version=99), "GGUF of version 99"),
    "big-endian": (gguf(version=3 << 24), "a big-endian GGUF"),
    "llama": (
        gguf((key("general.architecture", 8, string("llama")),)),
        "architecture 'llama', not",
    ),
    "nameless": (gguf(()), "architecture None, not gpt-oss"),
    "keys-absurd": (gguf(counts=(0, 2**63)), "claims 0 tensors and 9,223,372"),
    "tensors-absurd": (gguf(counts=(2**40, 1)), "claims 1,099,511,627,776 tensors"),
    "keys-lacking": (gguf(counts=(0, 60_000)), "truncated|damaged"),
    "tensors-lacking": (gguf(counts=(60_000, 1)), "truncated|damaged"),
    "key-too-long": (gguf((key("a" * 2000, 4, bytes(4)),)), "name of a key has 2,000 bytes"),
    "key-beyond-file": (gguf((struct.pack("<Q", 900) + b"a",)), "truncated"),
    "key-no-utf8": (gguf((key(b"\xff\xfe", 4, bytes(4)),)), "name of a key is not UTF-8"),
    "key-twice": (gguf((ARCHITECTURE, ARCHITECTURE)), "'general.architecture' stands twice"),
    "type-unknown": (gguf((key("a", 13, bytes(8)),)), "value of the unknown type 13"),
    "text-beyond-file": (gguf((key("a", 8, struct.pack("<Q", 2**62)),)), "truncated"),
    "text-no-utf8": (
        gguf((key("general.architecture", 8, string(b"\xff")),)),
        "'general.architecture' is not UTF-8",
    ),
    "array-nested": (
        gguf((key("a", 9, struct.pack("<IQIQ", 9, 1, 4, 0)),)),
        "holds arrays of arrays",
    ),
    "array-absurd": (gguf((key("a", 9, struct.pack("<IQ", 4, 2**62)),)), "claims 4,611,686,018"),
    "array-beyond-file": (gguf((key("a", 9, struct.pack("<IQ", 4, 10**6)),)), "truncated"),
    "array-type-unknown": (gguf((key("a", 9, struct.pack("<IQ", 99, 1)),)), "the unknown type 99"),
    "texts-absurd": (gguf((key("a", 9, struct.pack("<IQ", 8, 2**61)),)), "claims 2,305,843,009"),
    "texts-beyond-file": (gguf((key("a", 9, struct.pack("<IQ", 8, 10**6)),)), "truncated"),
    "texts-cut-off": (
        gguf((key("a", 9, struct.pack("<IQQ", 8, 3, 2**40) + bytes(40)),)),
        "truncated",
    ),
    "alignment-zero": (
        gguf((ARCHITECTURE, key("general.alignment", 4, bytes(4)))),
        "its alignment is 0",
    ),
    "alignment-odd": (
        gguf((ARCHITECTURE, key("general.alignment", 4, struct.pack("<I", 48)))),
        "its alignment is 48",
    ),
    "alignment-text": (
        gguf((ARCHITECTURE, key("general.alignment", 8, string("32")))),
        "its alignment is '32'",
    ),
    "tensor-without-axes": (gguf(tensors=(axes("a", 0),)), "has 0 axes"),
    "tensor-of-many-axes": (gguf(tensors=(axes("a", 0, 1, 1, 1, 1, 1),)), "has 5 axes"),
    "tensor-name-too-long": (gguf(tensors=(axes("a" * 2000, 0, 1),)), "name of a tensor has 2,000"),
    "tensor-twice": (
        gguf(tensors=(axes("a", 0, 4), axes("a", 0, 4, offset=32)), data=64),
        "the tensor 'a' stands twice",
    ),
    "tensor-q4-k": (gguf(tensors=(axes("a", 12, 256),), data=144), "'a' is Q4_K; ossia reads"),
    "tensor-type-unknown": (gguf(tensors=(axes("a", 99, 256),), data=144), "'a' is type 99"),
    "tensor-uneven-blocks": (gguf(tensors=(axes("a", 39, 33),), data=64), "MXFP4 with rows of 33"),
    "tensor-unaligned": (
        gguf(tensors=(axes("a", 0, 4, offset=16),), data=64),
        "lies at 16, not al",
    ),
    "tensor-beyond-file": (
        gguf(tensors=(axes("a", 0, 4, offset=2**62),), data=16),
        "truncated .the tensor 'a' ends at byte 4611686",
    ),
    "tensor-overflow": (
        gguf(tensors=(axes("a", 0, 2**63, 2**63, 2**63, 2**63),), data=16),
        "truncated .the tensor 'a' ends",
    ),
    "tensors-overlap": (
        gguf(tensors=(axes("a", 0, 16), axes("b", 0, 4, offset=32)), data=64),
        "'a' and 'b' overlap",
    ),
    "cut-off": (gguf(tensors=(axes("a", 0, 400),), data=64), "truncated .the tensor 'a'"),
    "without-shape": (gguf(), "lacks the tensor token_embd.weight|says no"),
    "split-renamed": (
        gguf((ARCHITECTURE, key("split.count", 2, struct.pack("<H", 3)))),
        "split in 3; it must keep its name",
    ),
}


def files() -> dict[str, tuple[bytes, str]]:
    """Every file of this folder: its bytes, and what the message must say."""
    made = {f"{name}.safetensors": case for name, case in SAFETENSORS.items()}
    made |= {f"{name}.gguf": case for name, case in GGUFS.items()}
    for suffix, cases in (("index.json", INDEXES), ("config.json", CONFIGS)):
        for name, (document, message) in cases.items():
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            made[f"{name}.{suffix}"] = data, message
    return made


def main() -> None:
    """Write them anew."""
    made = files()
    for name, (data, _) in made.items():
        (FOLDER / name).write_bytes(data)
    expected = {name: message for name, (_, message) in sorted(made.items())}
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
    (FOLDER / "good.json").write_text(json.dumps(GOOD_CONFIG, indent=2) + "\n")


if __name__ == "__main__":
    main()
