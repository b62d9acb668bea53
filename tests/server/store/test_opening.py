"""Where the store lies and how much it keeps, as the environment says."""

from pathlib import Path

import pytest

from ossia.base.errors import InputError
from ossia.server.responses.items import words_of
from ossia.server.store import open_store


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    return tmp_path


def test_it_lies_in_the_home(home: Path) -> None:
    store = open_store(words_of)
    assert store.folder == home / "responses"
    made = store.add_conversation("me", {})
    store.close()
    again = open_store(words_of)
    assert again.conversation("me", made["id"]) == made
    again.close()


def test_no_days_write_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_RESPONSES_DAYS", "0")
    store = open_store(words_of)
    assert store.folder is None
    made = store.add_conversation("me", {})
    assert store.prune() == 0
    assert store.conversation("me", made["id"]) == made
    store.close()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", ["OSSIA_RESPONSES_DAYS", "OSSIA_RESPONSES_GB"])
def test_what_is_no_number_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "many")
    with pytest.raises(InputError, match=name):
        open_store(words_of)


def test_a_small_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_RESPONSES_GB", "0.001")
    store = open_store(words_of)
    for number in range(40):
        item = {"id": f"msg_{number}", "type": "message", "content": []}
        store.add_conversation("me", {"text": "x" * 500}, [item | {"more": "y" * 50_000}])
    assert 0 < store.prune() < 40
    store.close()
