"""Which files make a model, and what is refused before a gigabyte came."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from tests.hub.hub_server import Hub

from ossia.base.errors import InputError
from ossia.hub import HubName
from ossia.hub.remote import describe

NAME = HubName("openai", "gpt-oss-20b")
CONFIG = {"model_type": "gpt_oss", "architectures": ["GptOssForCausalLM"]}
SHARDS = ("model-00000-of-00001.safetensors", "model-00001-of-00001.safetensors")
INDEX = {"weight_map": {"a": SHARDS[0], "b": SHARDS[1], "c": SHARDS[0]}}

RELEASED: dict[str, bytes] = {
    "config.json": json.dumps(CONFIG).encode(),
    "generation_config.json": b"{}",
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
    "special_tokens_map.json": b"{}",
    "chat_template.jinja": b"{#",
    "model.safetensors.index.json": json.dumps(INDEX).encode(),
    **dict.fromkeys(SHARDS, b"w"),
    "model-left-over.safetensors": b"w",
    "LICENSE": b"apache",
    "USAGE_POLICY": b"be nice",
    "README.md": b"# gpt-oss",
    ".gitattributes": b"*",
    "original/config.json": b"{}",
    "original/model.safetensors": b"w",
    "metal/model.bin": b"m",
}


def test_of_the_released_model_only_what_is_needed(hub: Hub) -> None:
    made = hub.add("openai/gpt-oss-20b", RELEASED)
    model = describe(NAME)
    unneeded = {"model-left-over.safetensors", ".gitattributes"}
    unneeded |= {path for path in RELEASED if "/" in path}
    assert {file.path for file in model.files} == RELEASED.keys() - unneeded
    assert model.size == sum(len(RELEASED[file.path]) for file in model.files)
    assert (model.name, model.revision, model.licence) == (NAME, made.commit, "apache-2.0")
    assert model.config == CONFIG
    assert not any("safetensors?" in asked.path for asked in hub.asked)  # no weight was read


def test_a_single_file_of_weights(hub: Hub) -> None:
    files = {"config.json": json.dumps(CONFIG).encode(), "tokenizer.json": b"{}"}
    hub.add("a/b", files | {"model.safetensors": b"w"})
    model = describe(HubName("a", "b"))
    assert [file.path for file in model.files] == [
        *("config.json", "model.safetensors", "tokenizer.json")
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"config.json": b'{"model_type": "llama"}'}, "is a 'llama'; ossia runs gpt-oss"),
        ({"config.json": b"{}"}, "is a None; ossia runs gpt-oss"),
        ({"config.json": b"[]"}, "config.json is no JSON object"),
        ({"config.json": b"{"}, "config.json is no JSON object"),
        (
            {"config.json": json.dumps(CONFIG | {"quantization_config": {
                "quant_method": "bitsandbytes"}}).encode()},
            "is quantised by 'bitsandbytes'; ossia reads MXFP4",
        ),
        ({"tokenizer.json": None}, "not complete on the hub: it has no tokenizer.json"),
        ({SHARDS[1]: None}, f"not complete on the hub: it has no {SHARDS[1]}"),
        ({"model.safetensors.index.json": b"{}"}, "names no weights"),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "../x"}}'}, "names no weights"),
        (
            {"model.safetensors.index.json": b'{"weight_map": {"a": "../x.safetensors"}}'},
            "it has no ../x.safetensors",
        ),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": ["x"]}}'}, "names no weights"),
        ({"config.json": None}, "is nothing that runs here: it has neither"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused(hub: Hub, changes: dict[str, bytes | None], told: str) -> None:
    files = RELEASED | changes
    hub.add("a/b", {path: data for path, data in files.items() if data is not None})
    with pytest.raises(InputError) as caught:
        describe(HubName("a", "b"))
    assert str(caught.value).startswith("a/b")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def gguf(folder: Path, architecture: str) -> bytes:
    """The beginning of a file as the reference library writes it."""
    writer = pytest.importorskip("gguf").GGUFWriter(folder / "x.gguf", architecture)
    writer.add_name("something")
    writer.add_tensor("a", np.zeros(4, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return (folder / "x.gguf").read_bytes()


def test_gguf_files_by_quantisation(hub: Hub, tmp_path: Path) -> None:
    data = gguf(tmp_path, "gpt-oss")
    parts = [f"F16/x-F16-{n:05}-of-00002.gguf" for n in (1, 2)]
    names = ["x-Q8_0.gguf", "x-UD-Q8_0.gguf", "x-Q4_K_M.gguf", *parts]
    hub.add("a/b", {**dict.fromkeys(names, data), "README.md": b"#", "LICENSE": b"l"})
    for wanted, found in (("Q8_0", names[:1]), ("q8_0", names[:1]), ("F16", parts)):
        model = describe(HubName("a", "b", wanted))
        assert [file.path for file in model.files] == sorted([*found, "README.md", "LICENSE"])
        assert model.config is None
    choice = "choose one of a/b:F16 (0.0 GB), a/b:Q8_0 (0.0 GB)"
    for wanted, told in (
        (None, f"a/b has more than one model; {choice}"),
        ("Q5_1", f"a/b has no GGUF file of Q5_1; {choice}"),
        ("Q4_K_M", f"a/b: x-Q4_K_M.gguf is quantised in a way that ossia does not read; {choice}"),
    ):
        with pytest.raises(InputError) as caught:
            describe(HubName("a", "b", wanted))
        assert str(caught.value) == told


def test_the_only_gguf_needs_no_choice(hub: Hub, tmp_path: Path) -> None:
    data = gguf(tmp_path, "gpt-oss")
    hub.add("ggml-org/gpt-oss-20b-GGUF", {"gpt-oss-20b-mxfp4.gguf": data, "config.json": b"{}"})
    model = describe(HubName("ggml-org", "gpt-oss-20b-GGUF"))
    assert [file.path for file in model.files] == ["gpt-oss-20b-mxfp4.gguf"]
    hub.add("a/b", {"Q8_0/x.gguf": data})
    with pytest.raises(InputError, match="has its GGUF file in a folder; choose one of a/b:Q8_0"):
        describe(HubName("a", "b"))
    assert describe(HubName("a", "b", "Q8_0")).files


@pytest.mark.parametrize("quantization", [None, "Q8_0"])
def test_gguf_files_of_other_models(hub: Hub, tmp_path: Path, quantization: str | None) -> None:
    for data, told in (
        (gguf(tmp_path, "llama"), "is of architecture 'llama'"),
        (b"GGUF" + bytes(1000), "is no GGUF file that says what it is"),
        (b"", "is no GGUF file that says what it is"),
        (gguf(tmp_path, "gpt-oss")[1:], "ossia runs gpt-oss models only"),
        (struct.pack("<Q", 20) + b"general.architecture" + bytes(20), "is no GGUF file"),
    ):
        hub.add("a/b", {"x-Q8_0.gguf": data, "x-F16.gguf": data})
        with pytest.raises(InputError) as caught:
            describe(HubName("a", "b", quantization))
        assert told in str(caught.value)


def test_a_folder_beside_gguf_files(hub: Hub, tmp_path: Path) -> None:
    hub.add("a/b", RELEASED | {"x-Q8_0.gguf": gguf(tmp_path, "gpt-oss")})
    assert describe(HubName("a", "b")).config == CONFIG
    assert describe(HubName("a", "b", "Q8_0")).config is None
    hub.add("a/c", RELEASED)
    with pytest.raises(InputError, match="it has no GGUF files"):
        describe(HubName("a", "c", "Q8_0"))
