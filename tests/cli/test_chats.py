"""``ossia chats`` as a real process."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ossia.agent.chats import Chats, items_of
from ossia.agent.chats.store import NAME
from ossia.harmony import Assistant, Channel, User

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def chats(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chats:
    monkeypatch.setitem(environment, "OSSIA_HOME", str(tmp_path))
    return Chats(tmp_path / NAME)


def add(chats: Chats, question: str, answer: str) -> str:
    chat = chats.create("", "nano")
    asked = chats.add("", chat.id, None, "user", items_of([User(question)]))
    said = [Assistant("thought", Channel.ANALYSIS), Assistant(answer)]
    chats.add("", chat.id, asked.id, "assistant", items_of(said))
    return chat.id


def test_none_yet(ossia: Run, chats: Chats) -> None:  # noqa: ARG001
    done = ossia("chats")
    assert done.stdout == ""
    assert "a talk begins with ossia run MODEL" in done.stderr


def test_listed_and_found(ossia: Run, chats: Chats) -> None:
    one = add(chats, "Which word is it?", "It is lantern.")
    two = add(chats, "안녕하세요?", "반갑습니다. \x1b[31m")
    lines = ossia("chats").stdout.splitlines()
    assert lines[0] == f"{two[5:11]}  안녕하세요?"
    assert lines[2] == f"{one[5:11]}  Which word is it?"
    assert "lantern" in ossia("chats", "find", "LANTERN").stdout
    assert "반갑습니다. ␛[31m" in ossia("chats", "find", "반갑").stdout
    assert "none was found" in ossia("chats", "find", "harbour").stderr


def test_shown_exported_imported(ossia: Run, chats: Chats, tmp_path: Path) -> None:
    chat_id = add(chats, "Which word is it?", "It is lantern.")
    shown = ossia("chats", "show", chat_id[5:9]).stdout
    assert "## You\n\nWhich word is it?\n\n## nano\n\nIt is lantern.\n" in shown
    assert "thought" not in shown
    exported = ossia("chats", "export", chat_id).stdout
    (tmp_path / "chat.json").write_text(exported)
    ossia("chats", "import", tmp_path / "chat.json")
    copy, original = chats.heads("").heads
    assert copy.title == original.title
    assert chats.chat("", copy.id).nodes == chats.chat("", original.id).nodes
    assert json.loads(exported)["format"] == "ossia-chat-tree"


def test_renamed_and_deleted(ossia: Run, chats: Chats) -> None:
    chat_id = add(chats, "a", "b")
    ossia("chats", "rename", chat_id[5:9], "My", "notes")
    assert chats.heads("").heads[0].title == "My notes"
    refused = ossia("chats", "rm", chat_id)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    ossia("chats", "rm", chat_id, "--yes")
    assert chats.heads("").heads == []


def test_the_start_of_an_id_must_be_of_one(ossia: Run, chats: Chats) -> None:
    for _ in range(17):  # of sixteen letters one is twice the first
        add(chats, "a", "b")
    firsts = [head.id[5] for head in chats.heads("").heads]
    twice = next(letter for letter in firsts if firsts.count(letter) > 1)
    done = ossia("chats", "show", twice)
    assert done.returncode == 2
    assert "give more of the id" in done.stderr


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"no json", "no chat that ossia exported"),
        (b"[]", "no chat that"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_chat(
    ossia: Run, chats: Chats, tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    done = ossia("chats", "import", tmp_path / "x.json")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert chats.heads("").heads == []
