"""Models fetched from a hub, step by step; and taken off the disk."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.hub.hub_server import serving

from ossia import hub
from ossia.hub import Persona, store
from ossia.hub.personas import find_persona, keep
from ossia.server.errors import RequestError
from ossia.server.house import management
from ossia.server.models import LocalModels

NAME = hub.HubName("openai", "gpt-oss-20b")
FILES = {
    "config.json": b'{"model_type": "gpt_oss"}',
    "tokenizer.json": b"{}" * 1000,
    "model.safetensors": bytes(range(256)) * 8000,
}
NUM_BYTES = sum(map(len, FILES.values()))


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_TOKEN", "OSSIA_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        server.add("openai/gpt-oss-20b", FILES)
        yield


def delete(name: str) -> None:
    asyncio.run(management.delete(LocalModels({}), name))


def loaded(name: str) -> list[dict[str, Any]]:
    async def work() -> list[dict[str, Any]]:
        models = LocalModels({})
        try:
            return [each async for each in management.load(models, name, None)]
        finally:
            await models.aclose(0)

    return asyncio.run(work())


def test_a_model_is_pulled_and_deleted() -> None:
    steps = list(management.pull("gpt-oss:20b"))
    assert {step["state"] for step in steps[:-1]} <= {"pulling", "checking"}
    assert {step["total_bytes"] for step in steps} == {NUM_BYTES}
    assert all(0 <= step["done_bytes"] <= NUM_BYTES for step in steps)
    assert steps[-1] == {"state": "done", "done_bytes": NUM_BYTES, "total_bytes": NUM_BYTES}
    assert store.find_manifest(NAME) is not None
    delete("gpt-oss:20b")
    assert hub.missing("gpt-oss:20b") == NAME


def test_what_is_stopped_in_the_middle_goes_on_later() -> None:
    steps = management.pull("gpt-oss:20b")
    with closing(steps):  # type: ignore[type-var]
        next(steps)
    assert store.find_manifest(NAME) is None
    assert list(management.pull("gpt-oss:20b"))[-1]["state"] == "done"
    assert store.find_manifest(NAME) is not None


def test_what_the_hub_has_not_is_said() -> None:
    (last,) = management.pull("nobody/nothing")
    assert last["state"] == "failed"
    assert "nobody/nothing" in last["error"]["message"]


def test_what_is_no_model_does_not_load() -> None:
    list(management.pull("gpt-oss:20b"))
    told = loaded("gpt-oss:20b")
    assert [each["state"] for each in told if each["state"] != "loading"] == ["failed"]
    assert told[-1]["error"]["message"]


def test_a_name_of_a_model_that_is_not_here_can_be_deleted() -> None:
    name = hub.parse_own("pirate")
    keep(name, Persona("openai/gpt-oss-20b", system="Arr."))
    delete("pirate")
    assert find_persona(name) is None
    with pytest.raises(RequestError) as refusal:
        delete("pirate")
    assert refusal.value.status == 404


def test_a_second_name_holds_a_model_here() -> None:
    list(management.pull("gpt-oss:20b"))
    keep(hub.parse_own("mine"), Persona("openai/gpt-oss-20b"))
    with pytest.raises(hub.names.InputError, match="second name"):
        delete("gpt-oss:20b")
