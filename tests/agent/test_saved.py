import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.agent import Transcript, load, place, save, saved_names
from ossia.base.errors import InputError
from ossia.chat import Settings
from ossia.harmony import Assistant, Channel, Effort, ToolResult, User

CHAT = Transcript(
    (User("안녕 😀"), Assistant("생각", Channel.ANALYSIS), Assistant("네", Channel.FINAL)),
    Effort.HIGH,
    "Be\nbrief.",
    Settings(0.5, 0.9, 40, 0.05, 7, 100),
)
texts = st.text(max_size=40)
channels = st.sampled_from(Channel)
names = st.sampled_from(["python", "browser.open", "functions.f"])
messages = st.one_of(
    st.builds(User, texts),
    st.builds(Assistant, texts, channels),
    st.builds(Assistant, texts, channels, names, st.none() | st.just("json")),
    st.builds(ToolResult, names, texts, channels),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@given(st.lists(messages, max_size=6), st.sampled_from(Effort), st.none() | texts)
def test_what_is_saved_is_loaded(tmp_path_factory, said, effort, instructions) -> None:
    path = tmp_path_factory.mktemp("chats") / "c.json"
    transcript = Transcript(tuple(said), effort, instructions)
    save(transcript, path)
    assert load(path) == transcript


def test_names_live_in_ossias_home(home: Path) -> None:
    save(CHAT, place("아침 chat"))
    save(CHAT, place("b"))
    assert saved_names() == ["b", "아침 chat"]
    assert load(home / "chats" / "b.json") == CHAT
    assert (home / "chats" / "b.json").stat().st_mode & 0o077 == 0  # only its owner reads it


def test_a_path_is_a_path(tmp_path: Path) -> None:
    assert place(f"{tmp_path}/x.json") == tmp_path / "x.json"
    assert place("x.json") == Path("x.json")


@pytest.mark.parametrize("name", ["", ".", "..", "a\0b", "-x", "a" * 61, "a\nb", "~no-such-user/x"])
def test_what_can_be_no_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot name a chat"):
        place(name)


def test_an_earlier_chat_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    save(CHAT, tmp_path / "c.json")
    save(Transcript(), tmp_path / "c.json")
    assert load(tmp_path / "c.json") == Transcript()
    (tmp_path / "letter.json").write_text("dear")
    with pytest.raises(InputError, match="no chat"):
        save(CHAT, tmp_path / "letter.json")
    assert (tmp_path / "letter.json").read_text() == "dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "letter.json"]


def document(**changes: Any) -> dict[str, Any]:
    settings = {
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "seed": None,
        "max_tokens": None,
    }
    base = {"format": "ossia-chat", "version": 1, "effort": "low", "instructions": None}
    return base | {"settings": settings, "messages": []} | changes


def test_the_document_of_these_tests_is_a_chat(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(document()))
    assert load(tmp_path / "c.json") == Transcript(effort=Effort.LOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 100_000,
        "\x00\xff",
        '{"format": "ossia-chat"}',
        json.dumps(document(version=3)),
        json.dumps(document(format="other")),
        json.dumps(document(effort="huge")),
        json.dumps(document(extra=1)),
        json.dumps(document(messages={})),
        json.dumps(document(messages=[{"role": "system", "text": "x"}])),
        json.dumps(document(messages=[{"role": "user", "text": 3}])),
        json.dumps(document(messages=[{"role": "assistant", "text": "x", "channel": "loud"}])),
        json.dumps(document(settings={"heat": 1.0})),
        json.dumps(document(settings={"logit_bias": [[1, 2.0], [3]]})),
        json.dumps(document(settings={"logit_bias": [[1, "2"]]})),
        json.dumps(document(settings=document()["settings"] | {"temperature": -1})),
        json.dumps(document(settings=document()["settings"] | {"top_k": True})),
        json.dumps(document(settings=document()["settings"] | {"temperature": 10**400})),
        json.dumps(document()).replace('"effort"', '"version": 1, "effort"'),
    ],
)
def test_a_broken_file_is_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path, tmp_path / "pipe.json", tmp_path / "none.json"):
        with pytest.raises(InputError):
            load(path)


def test_a_full_disk_leaves_the_earlier_chat(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    save(CHAT, path)
    program = f"""
import resource, signal
from pathlib import Path
from ossia.agent import Transcript, save
from ossia.base.errors import ResourceError
from ossia.harmony import User
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))
try:
    save(Transcript((User("x" * 5000),)), Path({str(path)!r}))
except ResourceError as error:
    print("refused", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused"), done.stderr
    assert load(path) == CHAT
    assert [found.name for found in tmp_path.iterdir()] == ["c.json"]
