"""Models fetched from a hub, told in Ollama's words."""

from pathlib import Path

import pytest
from ollama import ProgressResponse
from tests.hub.hub_server import serving

from ossia import hub
from ossia.hub import store
from ossia.server.ollama.manage import delete, pull

FILES = {
    "config.json": b'{"model_type": "gpt_oss"}',
    "tokenizer.json": b"{}" * 1000,
    "model.safetensors": bytes(range(256)) * 8000,
}


def test_a_model_is_pulled_and_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_TOKEN", "OSSIA_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        server.add("openai/gpt-oss-20b", FILES)
        lines = [ProgressResponse.model_validate(line) for line in pull("gpt-oss:20b")]
    assert lines[0].status == "pulling manifest"
    assert lines[-1].status == "success"
    steps = [line for line in lines if line.total]
    assert {step.total for step in steps} == {sum(map(len, FILES.values()))}
    assert steps[-1].completed == steps[-1].total
    assert len({step.digest for step in steps}) == 1
    name = hub.parse("gpt-oss:20b")
    assert isinstance(name, hub.HubName)
    assert store.find_manifest(name) is not None
    delete("gpt-oss:20b")
    assert hub.missing("gpt-oss:20b") == name
