"""Chats over HTTP: trees, pages, files, and whose they are."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from ossia.server.app import build_app
from ossia.server.guard import Guarding
from ossia.server.keys import Key
from ossia.server.models import LocalModels

Json = dict[str, Any]


def said(text: str, role: str = "user") -> list[Json]:
    kind = "input_text" if role == "user" else "output_text"
    return [{"type": "message", "role": role, "content": [{"type": kind, "text": text}]}]


def new_chat(house: httpx.Client, **more: Any) -> str:
    response = house.post("/ossia/chats", json={"model": "nano", **more})
    assert response.status_code == 201
    return str(response.json()["id"])


def add(house: httpx.Client, chat: str, parent: str | None, text: str, **more: Any) -> Json:
    role = more.pop("role", "user")
    body = {"parent": parent, "role": role, "items": said(text, role), "meta": {}} | more
    response = house.post(f"/ossia/chats/{chat}/nodes", json=body)
    assert response.status_code == 201
    return dict(response.json())


def test_a_chat_is_a_tree_that_is_walked(house: httpx.Client) -> None:
    chat = new_chat(house)
    asked = add(house, chat, None, "What is 27 + 58?")
    answer = add(house, chat, asked["id"], "85", role="assistant", meta={"model": "nano"})
    other = add(house, chat, asked["id"], "It is 85.", role="assistant")
    found = house.get(f"/ossia/chats/{chat}").json()
    assert [node["id"] for node in found["nodes"]] == [asked["id"], answer["id"], other["id"]]
    assert found["leaf"] == other["id"]
    assert found["title"] == "What is 27 + 58?"  # it named itself
    assert not found["is_named"]
    changed = house.patch(
        f"/ossia/chats/{chat}", json={"leaf": answer["id"], "title": "Sums", "persona": "pirate"}
    ).json()
    assert (changed["leaf"], changed["title"], changed["is_named"]) == (answer["id"], "Sums", True)
    assert changed["persona"] == "pirate"
    assert house.delete(f"/ossia/chats/{chat}").json() == {"id": chat, "deleted": True}
    assert house.get(f"/ossia/chats/{chat}").status_code == 404


def test_a_node_that_comes_twice_is_one(house: httpx.Client) -> None:
    chat = new_chat(house)
    first = add(house, chat, None, "Hello!", id="node_of_mine")
    again = add(house, chat, None, "Hello again!", id="node_of_mine")
    assert again == first
    assert house.get(f"/ossia/chats/{chat}").json()["num_nodes"] == 1


def test_an_answer_is_filled_in_when_it_is_there(house: httpx.Client) -> None:
    chat = new_chat(house)
    asked = add(house, chat, None, "Hello!")
    meta = {"response_id": "resp_1", "status": "in_progress"}
    node = add(house, chat, asked["id"], "", role="assistant", meta=meta)
    address = f"/ossia/chats/{chat}/nodes/{node['id']}"
    body = {"items": said("Hi!", "assistant"), "meta": {"status": "completed"}}
    changed = house.patch(address, json=body).json()
    assert changed["meta"] == {"response_id": "resp_1", "status": "completed"}
    assert changed["items"] == body["items"]
    assert house.get(f"/ossia/chats/{chat}").json()["nodes"][1] == changed


def test_chats_are_listed_by_pages_and_found(house: httpx.Client) -> None:
    ids = [new_chat(house) for _ in range(3)]
    for number, chat in enumerate(ids):
        add(house, chat, None, f"Ein Wort über Käsekuchen Nummer {number}")
    page = house.get("/ossia/chats", params={"query": "käsekuchen", "limit": 2}).json()
    assert [head["id"] for head in page["data"]] == [ids[2], ids[1]]
    assert page["has_more"]
    assert "Käsekuchen" in page["data"][0]["excerpt"]
    rest = {"query": "käsekuchen", "limit": 2, "before": ids[1]}
    page = house.get("/ossia/chats", params=rest).json()
    assert [head["id"] for head in page["data"]] == [ids[0]]
    assert not page["has_more"]
    assert house.get("/ossia/chats", params={"query": "nirgends gesagt"}).json()["data"] == []


def test_a_chat_goes_out_as_a_file_and_comes_in(house: httpx.Client) -> None:
    chat = new_chat(house, title='Kuchen "und" 케이크')
    asked = add(house, chat, None, "Which cake?")
    add(house, chat, asked["id"], "Cheese cake.", role="assistant", meta={"effort": "low"})
    file = house.get(f"/ossia/chats/{chat}/export", params={"format": "json"})
    assert file.headers["content-disposition"].isascii()
    assert file.headers["content-disposition"].startswith("attachment; filename=chat.json; ")
    made = house.post("/ossia/chats/import", json=file.json())
    assert made.status_code == 201
    assert made.json()["id"] != chat
    before = house.get(f"/ossia/chats/{chat}").json()
    after = house.get(f"/ossia/chats/{made.json()['id']}").json()
    for name in ("title", "is_named", "model", "leaf", "nodes", "created"):
        assert after[name] == before[name]
    text = house.get(f"/ossia/chats/{chat}/export", params={"format": "markdown"})
    assert text.headers["content-type"].startswith("text/markdown")
    assert "## You\n\nWhich cake?" in text.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/nobody", None, 404, "no chat 'nobody'"),
        ("PATCH", "/nobody", {"title": "x"}, 404, "no chat"),
        ("DELETE", "/nobody", None, 404, "no chat"),
        ("GET", "/nobody/export", None, 404, "no chat"),
        ("GET", "?before=nobody", None, 404, "no chat"),
        ("GET", "?limit=0", None, 400, "limit"),
        ("GET", "?limit=many", None, 400, "limit"),
        ("POST", "", {}, 400, "model is missing"),
        ("POST", "", {"model": "nano", "titel": "x"}, 400, "titel"),
        ("POST", "/import", {}, 400, "no chat that ossia exported"),
        ("POST", "/import", [], 400, "no chat that ossia exported"),
        ("POST", "/{chat}/nodes", {"role": "user"}, 400, "items is missing"),
        ("POST", "/{chat}/nodes", {"role": "tool", "items": []}, 400, "role"),
        ("POST", "/{chat}/nodes", {"role": "user", "items": [1]}, 400, "items[0]"),
        ("POST", "/{chat}/nodes", {"role": "user", "items": [], "parent": "x"}, 404, "no node"),
        ("PATCH", "/{chat}/nodes/x", {"meta": {}}, 404, "no node"),
        ("PATCH", "/{chat}", {"leaf": "x"}, 404, "no node"),
        ("GET", "/{chat}/export?format=pdf", None, 400, "format"),
    ],
)
def test_what_cannot_be_done_with_chats_is_said(
    house: httpx.Client, method: str, path: str, body: Any, status: int, words: str
) -> None:
    chat = new_chat(house)
    response = house.request(method, "/ossia/chats" + path.format(chat=chat), json=body)
    assert response.status_code == status
    assert words in response.json()["error"]["message"]


def test_numbers_that_no_json_can_tell_back_are_refused(house: httpx.Client) -> None:
    chat = new_chat(house)
    body = b'{"role": "user", "items": [], "meta": {"speed": 1e400}}'
    response = house.post(f"/ossia/chats/{chat}/nodes", content=body)
    assert response.status_code == 400
    assert house.get(f"/ossia/chats/{chat}").status_code == 200


def test_nobody_sees_anothers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    keys = {"a": Key("ann", "", 0.0), "b": Key("bob", "", 0.0)}
    app = build_app(LocalModels({}), Guarding(key_of=keys.get))

    async def work() -> None:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            ann, bob = ({"authorization": f"Bearer {secret}"} for secret in "ab")
            made = await client.post("/ossia/chats", json={"model": "nano"}, headers=ann)
            address = f"/ossia/chats/{made.json()['id']}"
            assert (await client.get(address, headers=ann)).status_code == 200
            for method in ("GET", "DELETE"):
                assert (await client.request(method, address, headers=bob)).status_code == 404
            assert (await client.get("/ossia/chats", headers=bob)).json()["data"] == []
            assert (await client.get("/ossia/chats")).status_code == 401

    asyncio.run(work())
