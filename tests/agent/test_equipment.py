"""What is laid open, and what is said of it."""

import asyncio
from pathlib import Path

import pytest

from ossia.agent import Equipment
from ossia.base.errors import InputError
from ossia.tools.documents import Index, update


def described(*names: str, folder: Path) -> dict[str, str]:
    return asyncio.run(Equipment(frozenset(names), folder=folder).check())


def test_unknown_tools_are_refused() -> None:
    with pytest.raises(InputError, match="no tool 'telephone'; there are browser, python, patch"):
        Equipment(frozenset({"telephone"}))


def test_each_tool_says_what_it_stands_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OSSIA_SEARXNG", "http://search.example")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "note.md").write_text("A note.")
    assert described("browser", folder=tmp_path)["browser"] == (
        "searches the web by search.example; opens web pages"
    )
    update(Index(), tmp_path / "a")
    told = described("browser", "patch", folder=tmp_path / "a")
    assert "1 documents of this machine and the web by search.example" in told["browser"]
    assert told["patch"] == f"reads and changes files in {tmp_path / 'a'}"
    monkeypatch.setenv("OSSIA_OFFLINE", "1")
    assert "offline" in described("browser", folder=tmp_path)["browser"]


def test_each_conversation_has_its_own(tmp_path: Path) -> None:
    laid_open = Equipment(frozenset({"patch", "python"}), folder=tmp_path)
    assert laid_open.make("patch") is not laid_open.make("patch")
    assert laid_open.make("python").name == "python"


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        described("patch", folder=tmp_path / "none")
    with pytest.raises(InputError, match="Python environment"):
        asyncio.run(Equipment(frozenset({"python"}), venv=tmp_path).check())
