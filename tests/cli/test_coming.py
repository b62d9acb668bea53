"""Models that are not here: what is known of the released ones, and what the hub tells."""

import json
from collections.abc import Iterator

import pytest
from tests.hub.hub_server import Hub, serving

from ossia.base.errors import InputError
from ossia.checkpoint import SyntheticCheckpoint, SyntheticShape
from ossia.cli.coming import find_coming
from ossia.hub import HubName

NAME = HubName("somebody", "tuned")
CONFIG = SyntheticCheckpoint(SyntheticShape.parse("4x64x8")).config
MXFP4 = {**CONFIG, "quantization_config": {"quant_method": "mxfp4"}}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.delenv("OSSIA_OFFLINE", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub


def add(hub: Hub, config: object) -> int:
    files = {"tokenizer.json": b"{}", "model.safetensors": b"w" * 1000, "x.gguf": b"GGUF"}
    files["config.json"] = json.dumps(config).encode()
    hub.add(str(NAME), files, licence="mit")
    return sum(len(data) for path, data in files.items() if path != "x.gguf")


def test_of_the_released_models_nobody_is_asked(hub: Hub) -> None:
    coming = find_coming(HubName("openai", "gpt-oss-120b"))
    assert coming is not None
    assert coming.source.config["num_hidden_layers"] == 36
    assert (coming.licence, round(coming.size / 1e9)) == ("apache-2.0", 65)
    assert hub.asked == []


def test_of_others_the_hub_tells(hub: Hub) -> None:
    size = add(hub, MXFP4)
    coming = find_coming(NAME)
    assert coming is not None
    assert (coming.licence, coming.size) == ("mit", size)
    same = ("num_hidden_layers", "hidden_size", "num_local_experts", "vocab_size", "head_dim")
    assert {key: coming.source.config[key] for key in same} == {key: CONFIG[key] for key in same}
    assert not any("model.safetensors" in asked.path for asked in hub.asked)


@pytest.mark.parametrize(
    "config",
    [
        {key: value for key, value in CONFIG.items() if key != "quantization_config"},
        {"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}},
        {**MXFP4, "hidden_size": "64"},
    ],
)
def test_where_little_is_known_the_size_is(hub: Hub, config: object) -> None:
    add(hub, config)
    with pytest.raises(InputError) as caught:
        find_coming(NAME)
    told = "somebody/tuned is not here; ossia pull somebody/tuned downloads 0.0 GB, licence mit; "
    assert str(caught.value).startswith(told)


def test_nobody_can_be_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    add(hub, MXFP4)
    monkeypatch.setenv("OSSIA_OFFLINE", "1")
    assert find_coming(NAME) is None
    assert hub.asked == []
    monkeypatch.delenv("OSSIA_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert find_coming(NAME) is None


def test_show_tells_it_all(hub: Hub, ossia, tmp_path) -> None:
    add(hub, MXFP4)
    env = {"OSSIA_HOME": str(tmp_path), "HF_HOME": str(tmp_path), "HF_ENDPOINT": hub.endpoint}
    shown = ossia("show", str(NAME), env=env)
    assert shown.returncode == 0, shown.stderr
    text = " ".join(shown.stdout.split())
    assert "not here; ossia pull somebody/tuned downloads" in text
    assert "licence mit" in text
    assert "4 layers" in text
    missing = ossia("show", "somebody/none", env=env)
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert "has no model somebody/none" in missing.stderr
    offline = ossia("show", str(NAME), env=env | {"OSSIA_OFFLINE": "1"})
    assert "is not on this machine" in offline.stderr
