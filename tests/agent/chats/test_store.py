"""Chats: kept as trees, found, branched, deleted; whole after any end."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ossia.agent.chats import Chats, as_document, as_markdown, from_document, open_chats
from ossia.agent.chats.store import NAME
from ossia.base.errors import InputError

ME = "me"


def said(text: str) -> list[dict[str, Any]]:
    return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}]


def answer(text: str, thought: str = "Hm.") -> list[dict[str, Any]]:
    reasoning = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": thought}]}
    part = {"type": "output_text", "text": text}
    return [reasoning, {"type": "message", "role": "assistant", "content": [part]}]


@pytest.fixture
def chats(tmp_path: Path) -> Iterator[Chats]:
    made = Chats(tmp_path / NAME)
    yield made
    made.close()


def talk(chats: Chats, *turns: str, owner: str = ME) -> str:
    """A chat in which these were said by turns."""
    chat = chats.create(owner, "nano")
    parent = None
    for number, text in enumerate(turns):
        role: Any = "assistant" if number % 2 else "user"
        items = answer(text) if number % 2 else said(text)
        parent = chats.add(owner, chat.id, parent, role, items).id
    return chat.id


def test_a_chat_names_itself_until_the_user_does(chats: Chats) -> None:
    chat = chats.create(ME, "nano")
    assert (chat.title, chat.is_named, chat.leaf, chat.num_nodes) == ("", False, None, 0)
    first = chats.add(ME, chat.id, None, "user", said("What  is\n27 + 58?"))
    head = chats.chat(ME, chat.id).head
    assert (head.title, head.is_named, head.leaf) == ("What is 27 + 58?", False, first.id)
    assert chats.change(ME, chat.id, title="Sums").is_named
    chats.add(ME, chat.id, first.id, "assistant", answer("85"))
    assert chats.chat(ME, chat.id).head.title == "Sums"
    again = chats.change(ME, chat.id, title="")
    assert (again.title, again.is_named) == ("What is 27 + 58?", False)
    long = talk(chats, "word " * 50)
    assert len(chats.chat(ME, long).head.title) <= 60


def test_branches_are_walked(chats: Chats) -> None:
    chat_id = talk(chats, "one", "first answer")
    question, one = chats.chat(ME, chat_id).nodes
    two = chats.add(ME, chat_id, question.id, "assistant", answer("second answer"))
    chat = chats.chat(ME, chat_id)
    assert [node.id for node in chat.path()] == [question.id, two.id]
    assert [node.id for node in chat.children(question.id)] == [one.id, two.id]
    chats.change(ME, chat_id, leaf=one.id)
    more = chats.add(ME, chat_id, one.id, "user", said("more"))
    chat = chats.chat(ME, chat_id)
    assert [node.id for node in chat.path()] == [question.id, one.id, more.id]
    assert chat.end(one.id) == more.id
    with pytest.raises(InputError, match="no node 'x'"):
        chats.change(ME, chat_id, leaf="x")
    with pytest.raises(InputError, match="no node 'x'"):
        chats.add(ME, chat_id, "x", "user", said("?"))


def test_what_is_sent_twice_is_one(chats: Chats) -> None:
    chat_id = talk(chats)
    one = chats.add(ME, chat_id, None, "user", said("once"), node_id="n1")
    two = chats.add(ME, chat_id, None, "user", said("twice"), node_id="n1")
    assert two == one
    assert chats.chat(ME, chat_id).head.num_nodes == 1


def test_an_answer_grows(chats: Chats) -> None:
    chat_id = talk(chats, "q")
    [question] = chats.chat(ME, chat_id).nodes
    meta = {"response_id": "resp_1", "status": "in_progress"}
    node = chats.add(ME, chat_id, question.id, "assistant", [], meta)
    chats.update(ME, chat_id, node.id, answer("lantern"), {"status": "completed"})
    *_, last = chats.chat(ME, chat_id).nodes
    assert last.meta == {"response_id": "resp_1", "status": "completed"}
    assert [head.id for head in chats.heads(ME, "lantern").heads] == [chat_id]


def test_words_are_found_in_what_was_said_and_in_titles(chats: Chats) -> None:
    lantern = talk(chats, "Which word?", "It is lantern, 100%.")
    korean = talk(chats, "등불이 무엇인가요?", "빛을 내는 물건입니다.")
    named = talk(chats, "x")
    chats.change(ME, named, title="Harbour notes")

    def found(query: str) -> list[str]:
        return [head.id for head in chats.heads(ME, query).heads]

    assert found("lantern") == found(["LANTERN", "word"][0]) == [lantern]
    assert found("100%") == [lantern]
    assert found("등불") == found("물건") == [korean]
    assert found("harbour") == [named]
    assert found("Hm.") == [], "reasoning is not what was said"
    assert found('"') == []
    assert "lantern" in (chats.heads(ME, "lantern").heads[0].excerpt or "")
    chats.delete(ME, lantern)
    assert found("lantern") == []


def test_lists_come_in_pages_latest_change_first(chats: Chats) -> None:
    ids = [talk(chats, f"chat {number}") for number in range(5)]
    chats.add(ME, ids[0], None, "user", said("again"))
    first = chats.heads(ME, limit=2)
    assert [head.id for head in first.heads] == [ids[0], ids[4]]
    assert first.has_more
    second = chats.heads(ME, limit=3, before=first.heads[-1].id)
    assert [head.id for head in second.heads] == [ids[3], ids[2], ids[1]]
    assert not second.has_more


def test_nobody_sees_anothers(chats: Chats) -> None:
    chat_id = talk(chats, "secret")
    assert chats.heads("you", "secret").heads == chats.heads("you").heads == []
    refused: list[Any] = [
        lambda: chats.chat("you", chat_id),
        lambda: chats.change("you", chat_id, title="x"),
        lambda: chats.add("you", chat_id, None, "user", said("x")),
        lambda: chats.update("you", chat_id, "n", []),
        lambda: chats.delete("you", chat_id),
        lambda: chats.heads("you", before=chat_id),
    ]
    for attempt in refused:
        with pytest.raises(InputError, match="no chat"):
            attempt()


def test_what_is_exported_is_imported(chats: Chats) -> None:
    chat_id = talk(chats, "one \ud800", "two")
    question = chats.chat(ME, chat_id).nodes[0]
    chats.add(ME, chat_id, question.id, "assistant", answer("other"), {"effort": "low"})
    chat = chats.chat(ME, chat_id)
    head = chats.put("you", from_document(as_document(chat)))
    copy = chats.chat("you", head.id)
    assert copy.nodes == chat.nodes
    assert (head.title, head.leaf, head.created) == (
        chat.head.title,
        chat.head.leaf,
        chat.head.created,
    )
    assert chats.heads("you", "other").heads[0].id == head.id


def test_markdown_is_the_conversation_as_it_stands(chats: Chats) -> None:
    chat_id = talk(chats, "one", "two")
    text = as_markdown(chats.chat(ME, chat_id))
    assert text.startswith("# one\n\nnano, ")
    assert text.endswith("## You\n\none\n\n## nano\n\ntwo\n")
    assert "Hm." not in text


NODE = {"id": "a", "parent": None, "role": "user", "items": [], "created": 1, "meta": {}}
DOCUMENT = {
    "format": "ossia-chat-tree",
    "version": 1,
    "title": "t",
    "model": "nano",
    "created": 1,
    "leaf": None,
}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": "x"}, "no chat that ossia exported"),
        ({"version": 2}, "version 2"),
        ({"nodes": 3}, "expected a list"),
        ({"nodes": [3]}, "expected an object"),
        ({"nodes": [NODE, NODE]}, "no other node has"),
        ({"nodes": [NODE | {"parent": "b"}]}, "no node before it"),
        ({"nodes": [NODE | {"role": "system"}]}, "user or assistant"),
        ({"nodes": [NODE | {"items": ["x"]}]}, "list of objects"),
        ({"nodes": [NODE | {"meta": 1}]}, "expected an object"),
        ({"nodes": [NODE | {"created": "now"}]}, "seconds since 1970"),
        ({"nodes": [NODE | {"created": True}]}, "seconds since 1970"),
        ({"leaf": "b"}, "no node has that id"),
        ({"title": 5}, "title to be text"),
    ],
)
def test_a_document_that_is_no_chat(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        from_document({**DOCUMENT, "nodes": [NODE], **change})
    with pytest.raises(InputError):
        from_document([change])


def test_all_that_was_added_survives_kill(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from tests.agent.chats.test_store import Chats, said
chats = Chats(Path({str(tmp_path / NAME)!r}))
chat = chats.create("me", "nano")
parent = None
for number in range(1000):
    parent = chats.add("me", chat.id, parent, "user", said(str(number))).id
    print(number, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(20):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    chats = Chats(tmp_path / NAME)
    [head] = chats.heads(ME).heads
    assert head.num_nodes > last
    assert len(chats.chat(ME, head.id).path()) == head.num_nodes


def test_terminal_and_server_write_side_by_side(tmp_path: Path) -> None:
    stores = [Chats(tmp_path / NAME) for _ in range(2)]
    chat_id = stores[0].create(ME, "nano").id

    def write(store: Chats) -> None:
        for _ in range(25):
            store.add(ME, chat_id, None, "user", said("x"))

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].chat(ME, chat_id).head.num_nodes == 50


def test_they_lie_in_ossias_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    open_chats().close()
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
