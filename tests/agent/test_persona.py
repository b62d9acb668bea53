"""A persona as the start of a conversation: what its words mean, and which are refused."""

from pathlib import Path

import pytest

from ossia.agent import PLAIN, Transcript, opening, persona_named
from ossia.base.errors import InputError
from ossia.chat import Settings
from ossia.harmony import Effort
from ossia.hub import OwnName, Persona
from ossia.hub.personas import keep


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    return tmp_path


def test_it_opens_a_conversation() -> None:
    persona = Persona("nano", "Arr.", "high", {"temperature": 1, "top_k": 5, "seed": 7})
    transcript = opening(persona)
    assert transcript == Transcript(
        effort=Effort.HIGH,
        instructions="Arr.",
        settings=Settings(temperature=1.0, top_k=5, seed=7),
    )
    assert type(transcript.settings.temperature) is float
    assert opening(PLAIN) == Transcript()


@pytest.mark.parametrize(
    ("persona", "said"),
    [
        (Persona("nano", effort="big"), "effort is 'big'; expected low, medium, high"),
        (Persona("nano", effort=""), "effort is ''"),
        (Persona("nano", settings={"temprature": 1}), "no setting 'temprature'; there are: temp"),
        (Persona("nano", settings={"logit_bias": 1}), "no setting 'logit_bias'"),
        (Persona("nano", settings={"temperature": -1}), "temperature must be at least 0"),
        (Persona("nano", settings={"temperature": float("inf")}), "temperature must be"),
        (Persona("nano", settings={"top_k": 1.5}), "top_k is a whole number, not 1.5"),
        (Persona("nano", settings={"max_tokens": 0}), "max_tokens must be at least 1"),
    ],
)
def test_what_no_conversation_can_have(persona: Persona, said: str) -> None:
    with pytest.raises(InputError, match=said):
        opening(persona)


def test_it_is_found_by_its_name() -> None:
    keep(OwnName("pirate"), Persona("nano", "Arr."))
    assert persona_named("pirate") == Persona("nano", "Arr.")
    for other in ("nano", "gpt-oss:20b", "/tmp", "nobody", "", "a\0b"):
        assert persona_named(other) is None


def test_a_file_with_a_value_that_cannot_be_is_named() -> None:
    keep(OwnName("pirate"), Persona("nano", settings={"top_p": 3}))
    with pytest.raises(InputError, match=r"names/pirate\.toml: top_p must be above 0"):
        persona_named("pirate")
