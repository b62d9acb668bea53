"""What is kept, for whom, for how long, and how it is found."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from ossia.server.responses.items import kept_items, words_of
from ossia.server.store import Limits, Store

Json = dict[str, Any]


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def body(response_id: str, previous: str | None = None, **more: Any) -> Json:
    return {"id": response_id, "previous_response_id": previous, "output": [], **more}


def said(text: str, role: str = "user") -> list[Json]:
    return kept_items([{"role": role, "content": text}], "input")


def add(store: Store, response_id: str, question: str, answer: str, **more: Any) -> Json:
    """A response that was made."""
    made, owner = body(response_id, **more), "me"
    store.begin(owner, made, said(question))
    made = made | {"output": said(answer, "assistant")}
    store.finish(owner, made, [{"type": "response.created"}, {"type": "response.completed"}])
    return made


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    made = Store(tmp_path / "kept" if request.param == "disk" else None, words=words_of)
    yield made
    made.close()


def test_a_response_is_kept_as_it_was(store: Store) -> None:
    begun = body("resp_1", metadata={"é": "<|end|>"})
    store.begin("me", begun, said("Hi"))
    found = store.response("me", "resp_1")
    assert found is not None
    assert (found.body, found.is_open) == (begun, True)
    assert store.events("me", "resp_1") is None
    done = begun | {"output": said("Hello\n\u2028 you", "assistant")}
    events = [{"type": "a", "text": "\n\u2028"}, {"type": "b"}]
    assert store.raw("me", "resp_1") is None
    raw = {"prompt_ids": [1, 2], "output_ids": [3], "repairs": [[1, "missing_end"]]}
    store.finish("me", done, events, raw)
    assert store.raw("me", "resp_1") == raw
    assert store.raw("you", "resp_1") is None
    found = store.response("me", "resp_1")
    assert found is not None
    assert (found.body, found.is_open) == (done, False)
    assert [item["content"][0]["text"] for item in found.inputs] == ["Hi"]
    assert store.events("me", "resp_1") == events


def test_nobody_sees_what_is_anothers(store: Store) -> None:
    made = add(store, "resp_1", "Hi", "Hello there")
    talk = store.add_conversation("me", {})
    store.say("me", talk["id"], said("secret words"))
    item = made["output"][0]["id"]
    other = "other"
    assert store.response(other, "resp_1") is None
    assert store.events(other, "resp_1") is None
    assert store.history(other, "resp_1") is None
    assert store.inputs(other, "resp_1") is None
    assert store.item(other, item) is None
    assert not store.delete(other, "responses", "resp_1")
    assert store.conversation(other, talk["id"]) is None
    assert store.items(other, talk["id"]) == []
    assert not store.say(other, talk["id"], said("Mine!"))
    assert not store.describe(other, talk["id"], {})
    assert not store.delete(other, "conversations", talk["id"])
    assert store.search(other, "secret") == []
    assert store.search("me", "secret")
    store.finish(other, made | {"output": []}, [])
    assert store.response("me", "resp_1") is not None


def test_what_was_said_up_to_a_response(store: Store) -> None:
    add(store, "resp_1", "one", "two")
    add(store, "resp_2", "three", "four", previous="resp_1")
    add(store, "resp_2b", "three?", "four?", previous="resp_1")

    def texts(items: list[Json] | None) -> list[str]:
        return [item["content"][0]["text"] for item in items or []]

    assert texts(store.history("me", "resp_2")) == ["one", "two", "three", "four"]
    assert texts(store.inputs("me", "resp_2")) == ["one", "two", "three"]
    assert texts(store.history("me", "resp_2b")) == ["one", "two", "three?", "four?"]
    store.delete("me", "responses", "resp_1")
    assert store.history("me", "resp_2") is None
    assert store.response("me", "resp_2") is not None


def test_what_is_deleted_while_it_is_made_stays_so(store: Store) -> None:
    store.begin("me", body("resp_1"), said("Hi"))
    assert store.delete("me", "responses", "resp_1")
    store.finish("me", body("resp_1") | {"output": said("Hello", "assistant")}, [{"type": "a"}])
    assert store.response("me", "resp_1") is None
    assert store.items("me", "resp_1") == []


def test_search_finds_words_and_parts_of_words(store: Store) -> None:
    add(store, "resp_1", "What is the Capital of France?", "Paris is.")
    add(store, "resp_2", "대한민국의 수도는 어디입니까?", "서울입니다.")
    add(store, "resp_3", '100% "quoted" AND_OR NOT', "under_score * ( )")

    def found(query: str) -> list[str]:
        return [hit.place for hit in store.search("me", query)]

    assert found("capital") == found("FRANCE what") == found("apit") == ["resp_1"]
    assert found("capital London") == []
    assert found("수도") == found("서울") == found("대한민국의") == ["resp_2"]
    assert found('"quoted"') == found("100%") == found("AND_OR") == found("* (") == ["resp_3"]
    assert found("%") == ["resp_3"]
    assert found("_") == ["resp_3"] * 2
    assert found('" OR "') == ["resp_3"], "three words, and all are there"
    assert found('zebra" OR "quoted') == found("NOT zebra") == found("words:paris") == []
    assert found("") == found("  ") == []
    assert found("is") == ["resp_1"] * 2
    [hit] = store.search("me", "서울")
    assert hit.text == "서울입니다."
    assert hit.item == store.item("me", hit.item)["id"]  # type: ignore[index]
    store.delete("me", "responses", "resp_2")
    assert found("서울입니다") == found("서울") == []


def test_a_hit_shows_the_words_around(store: Store) -> None:
    add(store, "resp_1", "a " * 500 + "needle" + " b" * 500, "")
    [hit] = store.search("me", "needle")
    assert "needle" in hit.text
    assert hit.text[0] == hit.text[-1] == "…"
    assert len(hit.text) < 250


def test_pages_go_on_behind_an_item(store: Store) -> None:
    talk = store.add_conversation("me", {}, said("0"))
    for number in range(1, 6):
        store.say("me", talk["id"], said(f"{number}"))
    seen: list[str] = []
    after = None
    while True:
        page = store.page("me", talk["id"], 4, after, is_descending=True)
        assert page is not None
        seen += [item["content"][0]["text"] for item in page.items]
        after = page.items[-1]["id"]
        if not page.has_more:
            break
    assert seen == ["5", "4", "3", "2", "1", "0"]
    assert store.page("me", talk["id"], 4, "msg_none", is_descending=False) is None


def test_what_is_too_old_goes_with_all_that_it_goes_on_from(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, Limits(max_age=100), words_of, clock)
    add(store, "resp_1", "old", "old")
    add(store, "resp_2", "lone", "lone")
    store.begin("me", body("resp_3"), said("still being made"))
    talk = store.add_conversation("me", {})
    clock.now += 80
    add(store, "resp_4", "new", "new", previous="resp_1")
    clock.now += 40
    assert store.prune() == 1
    assert store.response("me", "resp_2") is None
    assert store.search("me", "lone") == []
    assert store.history("me", "resp_4") is not None
    assert store.response("me", "resp_3") is not None
    clock.now += 100
    assert store.prune() == 2
    assert store.history("me", "resp_4") is None
    assert store.conversation("me", talk["id"]) == talk, "conversations have no age"
    store.close()


def test_what_is_too_much_goes_oldest_first(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, Limits(max_bytes=2_000_000), words_of, clock)
    talk = store.add_conversation("me", {}, said("kept"))
    for number in range(20):
        clock.now += 1
        text = f"{number} " * 20_000
        add(store, f"resp_{number}", text, text)
    num_gone = store.prune()
    assert 0 < num_gone < 20
    left = [n for n in range(20) if store.response("me", f"resp_{n}") is not None]
    assert left == list(range(num_gone, 20))
    assert store.conversation("me", talk["id"]) is not None
    store.close()
    assert (tmp_path / "responses.sqlite3").stat().st_size <= 2_100_000


def test_pruning_comes_by_itself(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, Limits(max_age=1000), words_of, clock)
    add(store, "resp_1", "old", "old")
    clock.now += 1500
    add(store, "resp_2", "new", "new")
    assert store.response("me", "resp_1") is None
    assert store.response("me", "resp_2") is not None
    store.close()


def test_what_is_deleted_is_not_in_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path, words=words_of)
    add(store, "resp_1", "a password: hunter2hunter2", "Never.")
    store.delete("me", "responses", "resp_1")
    store.close()
    for path in tmp_path.iterdir():
        assert b"hunter2" not in path.read_bytes()


def test_any_thread_may_ask(store: Store) -> None:
    failures: list[Exception] = []

    def work(name: str) -> None:
        try:
            for number in range(30):
                add(store, f"resp_{name}_{number}", f"question {name}", "answer")
                assert store.search("me", f"question {name}")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(store.search("me", "question", limit=1000)) == 120


def test_two_stores_of_one_folder(tmp_path: Path) -> None:
    one, other = Store(tmp_path, words=words_of), Store(tmp_path, words=words_of)
    add(one, "resp_1", "Hi", "Hello")
    assert other.response("me", "resp_1") == one.response("me", "resp_1")
    one.begin("me", body("resp_2"), said("Hi"))
    assert other.orphans() == one.orphans() == []
    one.close()
    assert [made["id"] for _, made in other.orphans()] == ["resp_2"]
    other.close()


def test_half_a_change_is_none(store: Store) -> None:
    made = add(store, "resp_1", "Hi", "Hello")
    with pytest.raises(KeyError):
        store.begin("me", body("resp_2"), [*said("Hi"), {"type": "without an id"}])
    assert store.response("me", "resp_2") is None
    with pytest.raises(Exception, match="resp"):
        store.begin("me", made, said("Again"))
    assert len(store.items("me", "resp_1")) == 2


def test_sqlite_finds_nothing_wrong(tmp_path: Path) -> None:
    store = Store(tmp_path, words=words_of)
    for number in range(10):
        add(store, f"resp_{number}", "question", "answer")
    for number in range(0, 10, 2):
        store.delete("me", "responses", f"resp_{number}")
    store.close()
    rows = sqlite3.connect(tmp_path / "responses.sqlite3")
    assert rows.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows.execute("INSERT INTO said (said) VALUES ('integrity-check')")
    rows.close()
