"""Talks are kept while they grow, and gone on with: real processes, one home."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from ossia.agent import Transcript
from ossia.agent.chats import Chats
from ossia.agent.chats.store import NAME
from ossia.cli.keeping import Keeper, transcript_of
from ossia.harmony import Assistant, Channel, Effort, ToolResult, User

Run = Callable[..., subprocess.CompletedProcess[str]]
Spawn = Callable[..., pexpect.spawn]


@pytest.fixture
def home(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(environment, "OSSIA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def chats(home: Path) -> Chats:
    return Chats(home / NAME)


def said(chats: Chats, number: int = 0) -> list[str]:
    """What the user and the model said in a chat, the latest being 0."""
    head = chats.heads("").heads[number]
    path = chats.chat("", head.id).path()
    return [
        part["text"]
        for node in path
        for item in node.items
        if item["type"] == "message"
        for part in item["content"]
    ]


def test_an_answer_is_kept_and_gone_on_with(ossia: Run, chats: Chats) -> None:
    ossia("run", "nano", "--temperature", 0, "What is 27 + 58?")
    assert said(chats) == ["What is 27 + 58?", "27 + 58 = 85"]
    ossia("run", "nano", "--temperature", 0, "--continue", "--effort", "low", "What is 3 + 4?")
    assert len(chats.heads("").heads) == 1
    assert said(chats)[2:] == ["What is 3 + 4?", "3 + 4 = 7"]
    start = chats.heads("").heads[0].id[5:9]
    ossia("run", "nano", "--resume", start, "--no-save", "What is 1 + 1?")
    assert len(said(chats)) == 4


def test_nothing_is_kept_where_the_user_says_so(ossia: Run, chats: Chats) -> None:
    ossia("run", "nano", "--no-save", "What is 1 + 1?")
    assert chats.heads("").heads == []


def test_a_home_that_cannot_be_written_ends_no_talk(ossia: Run, home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file")
    done = ossia("run", "nano", "--temperature", 0, "What is 1 + 1?")
    assert done.returncode == 0
    assert "1 + 1 = 2" in done.stdout
    assert "this talk is not kept" in done.stderr


def test_a_question_is_kept_before_its_answer(
    ossia_path: str, environment: dict[str, str], chats: Chats
) -> None:
    """Killed in the middle, the question is there."""
    process = subprocess.Popen(
        [ossia_path, "run", "nano", "What is 123 * 45?", "--effort", "high"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not chats.heads("").heads and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert said(chats)[0] == "What is 123 * 45?"


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--resume", "none"], "no chat 'none'"),
        (["--continue"], "no chat to continue"),
        (["--continue", "--resume", "x"], "give one of them"),
    ],
)
@pytest.mark.usefixtures("home")
def test_what_cannot_go_on_is_refused(ossia: Run, flags: list[str], complaint: str) -> None:
    done = ossia("run", "nano", *flags, "Hi")
    assert done.returncode == 2
    assert complaint in done.stderr


def test_retry_and_back_make_branches(spawn: Spawn, chats: Chats) -> None:
    child = spawn("run", "nano", "--temperature", 0)
    child.expect(">>>")

    def ask(text: str, answer: str) -> None:
        child.send(f"{text}\r")
        child.expect(answer)
        child.expect(">>>")

    ask("What is 1 + 1?", "1 \\+ 1 = 2")
    ask("/retry", "1 \\+ 1 = 2")
    ask("/back", "another branch")
    ask("What is 2 + 2?", "2 \\+ 2 = 4")
    ask("/chats", "What is 1")
    child.send("/bye\r")
    child.expect(pexpect.EOF)
    [head] = chats.heads("").heads
    chat = chats.chat("", head.id)
    first, other = chat.children(None)
    assert len(chat.children(first.id)) == 2
    assert chat.path()[0].id == other.id
    assert said(chats) == ["What is 2 + 2?", "2 + 2 = 4"]


def test_calls_and_results_come_back(tmp_path: Path) -> None:
    chats = Chats(tmp_path / NAME)
    keeper = Keeper("nano", chats)
    call = Assistant("6*7", Channel.ANALYSIS, "python", "code")
    result = ToolResult("python", "42", Channel.ANALYSIS)
    answer = Assistant("42.")
    keeper.asked("6*7?", Transcript(effort=Effort.HIGH, instructions="Be brief."))
    keeper.growing([call, result])
    [head] = chats.heads("").heads
    assert chats.chat("", head.id).nodes[-1].meta["status"] == "in_progress"
    keeper.answered([call, result, answer])
    chat = chats.chat("", head.id)
    assert [node.meta.get("status") for node in chat.nodes] == [None, "completed"]
    transcript = transcript_of(chat.path(), Transcript())
    assert transcript.messages == (User("6*7?"), call, result, answer)
    assert (transcript.effort, transcript.instructions) == (Effort.HIGH, "Be brief.")


def test_a_question_without_an_answer_is_not_asked_twice(tmp_path: Path) -> None:
    chats = Chats(tmp_path / NAME)
    keeper = Keeper("nano", chats)
    keeper.asked("a?", Transcript())
    keeper.answered([Assistant("a")])
    keeper.asked("b?", Transcript())
    chat = chats.chat("", chats.heads("").heads[0].id)
    assert transcript_of(chat.path(), Transcript()).messages == (User("a?"), Assistant("a"))


def test_json_has_the_events_alone(ossia: Run, chats: Chats) -> None:
    done: Any = ossia("run", "nano", "--json", "What is 1 + 1?")
    assert all(json.loads(line) for line in done.stdout.splitlines())
    assert len(chats.heads("").heads) == 1
