"""A model with tools for a thread: events in order, Ctrl-C, and an end that ends the tools."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.agent.script import Script
from tests.tools.python.notebook import host_processes, needs_sandbox

from ossia.agent import ALONE, CAREFUL, Equipment, Permission, Returned, Started
from ossia.chat import ChatModel, Done, Text
from ossia.cli.equipped import Equipped
from ossia.harmony import System, ToolResult, User

QUESTION = (System(), User("A question."))
SAYS = "<|channel|>final<|message|>Said.<|return|>"


def runs(code: str) -> str:
    return f"<|channel|>analysis to=python code<|message|>{code}<|call|>"


@pytest.fixture(scope="module")
def nano() -> ChatModel:
    return ChatModel.load("nano", context=2048)


def equipped(nano: ChatModel, *lines: str, **options: Any) -> Equipped:
    """A model that says what is written down."""
    needs_sandbox()
    script: Any = Script(nano.tokenizer, *lines)
    return Equipped(script, Equipment(frozenset({"python"})), options.get("policy", CAREFUL))


def test_answers_follow_one_another_with_the_same_tools(nano: ChatModel) -> None:
    model = equipped(nano, runs("x = 6"), SAYS, runs("x * 7"), SAYS)
    list(model.respond(QUESTION))
    events = list(model.respond(QUESTION))
    model.close()
    [returned] = [event for event in events if isinstance(event, Returned)]
    assert returned.result.text == "42"
    assert isinstance(events[-1], Done)
    assert any(isinstance(event, Text) for event in events)
    assert [type(each) for each in model.said].count(ToolResult) == 1


def test_ctrl_c_in_a_call_ends_it_and_the_next_answer_has_the_tools(nano: ChatModel) -> None:
    model = equipped(nano, runs("import time; time.sleep(600)"), runs("1 + 1"), SAYS)

    def interrupted() -> None:
        for event in model.respond(QUESTION):
            if isinstance(event, Started):
                threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    events = list(model.respond(QUESTION))
    model.close()
    [returned] = [event for event in events if isinstance(event, Returned)]
    assert returned.result.text.endswith("2")


def test_the_end_leaves_no_process_behind(nano: ChatModel) -> None:
    before = set(host_processes())
    model = equipped(nano, runs("1"), SAYS)
    list(model.respond(QUESTION))
    model.close()
    left = {pid: line for pid, line in host_processes().items() if pid not in before}
    assert not [line for line in left.values() if "ossia/tools/python" in line]


def test_where_nobody_is_asked_nothing_is_asked(nano: ChatModel, tmp_path: Path) -> None:
    call = "<|channel|>commentary to=functions.{} <|constrain|>json<|message|>{{}}<|call|>"
    script: Any = Script(nano.tokenizer, call.format("undo_patch"), SAYS)
    model = Equipped(script, Equipment(frozenset({"patch"}), tmp_path), ALONE)
    events = list(model.respond(QUESTION))
    model.close()
    assert not [event for event in events if isinstance(event, Permission)]
    [returned] = [event for event in events if isinstance(event, Returned)]
    assert "not permitted" in returned.result.text
