"""Whose continuations are known, and that nobody else's are taken for them."""

import hashlib
from pathlib import Path

from ossia import hub
from ossia.hub import HubName, OwnName, Persona, store
from ossia.hub.personas import keep
from ossia.hub.store import StoredFile
from ossia.verify.known import NUM_COMPARED, known_of


def test_the_released_models_by_the_name_that_they_came_by() -> None:
    for title in ("gpt-oss-20b", "gpt-oss-120b"):
        name = HubName("openai", title)
        store.record(name, "c" * 40, None, (StoredFile("a", 0, hashlib.sha256().hexdigest()),))
        keep(OwnName(f"my-{title}"), Persona(str(name)))
        for text in (title, f"my-{title}"):
            known = known_of(hub.find(text))
            assert known is not None
            assert known.name == str(name)
            assert known.continuations["Roses are red, violets"].startswith(" are blue, I ")
            assert len(known.continuations) == 2


def test_nano() -> None:
    known = known_of(hub.find("nano"))
    assert known is not None
    assert len(known.continuations) == 5
    assert all(len(text) >= NUM_COMPARED for text in known.continuations.values())


def test_of_others_nothing_is_known(tmp_path: Path) -> None:
    store.record(HubName("somebody", "gpt-oss-20b"), "c" * 40, None, ())
    store.record(HubName("openai", "gpt-oss-20b", "F16"), "c" * 40, None, ())
    for text in ("somebody/gpt-oss-20b", "openai/gpt-oss-20b:F16", str(tmp_path)):
        assert known_of(hub.find(text)) is None
