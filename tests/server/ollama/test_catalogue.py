"""What is told of the models on this machine."""

from datetime import datetime
from pathlib import Path

import pytest
from ollama import ListResponse, ShowResponse

from ossia import hub
from ossia.base.errors import InputError
from ossia.hub.personas import keep
from ossia.server.ollama.catalogue import entry, shown, with_tag, without_tag


def test_names_have_tags() -> None:
    assert with_tag("nano") == "nano:latest"
    assert with_tag("gpt-oss:20b") == "gpt-oss:20b"
    assert without_tag("nano:latest") == without_tag("nano") == "nano"
    assert without_tag("gpt-oss:20b") == "gpt-oss:20b"


def test_a_tag_that_the_user_gave_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    keep(hub.OwnName("mine:latest"), hub.Persona("nano"))
    assert without_tag("mine:latest") == "mine:latest"
    assert without_tag("other:latest") == "other"


def test_an_entry_of_the_list() -> None:
    told = entry("nano")
    model = ListResponse.model_validate({"models": [told]}).models[0]
    assert model.model == "nano:latest"
    assert model.size == (hub.EMBEDDED["nano"] / "model.safetensors").stat().st_size
    assert isinstance(model.modified_at, datetime)
    assert len(told["digest"]) == 64
    assert model.details is not None
    assert model.details.quantization_level == "MXFP4"
    assert model.details.parameter_size == "3.8M"


def test_what_is_shown() -> None:
    told = ShowResponse.model_validate(shown("nano"))
    assert told.modelinfo is not None
    assert told.modelinfo["gptoss.context_length"] == 131_072
    assert told.capabilities == ["completion", "tools", "thinking"]
    assert told.license == "apache-2.0"
    assert told.modelfile == "FROM nano\n"


def test_a_persona_is_shown_with_its_manner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    settings = {"temperature": 0.5, "max_tokens": 100}
    keep(hub.OwnName("pirate"), hub.Persona("nano", system="Arr.", settings=settings))
    told = shown("pirate")
    assert told["system"] == "Arr."
    assert told["parameters"] == "temperature 0.5\nnum_predict 100"
    assert told["modelfile"] == (
        'FROM nano\nPARAMETER temperature 0.5\nPARAMETER num_predict 100\nSYSTEM """Arr."""\n'
    )


def test_what_is_not_here_is_an_error() -> None:
    with pytest.raises(InputError):
        entry("no-such-model")
