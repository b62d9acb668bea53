"""The order in which harmony has what was said."""

from ossia.harmony import (
    Assistant,
    Channel,
    Developer,
    Effort,
    System,
    Tool,
    ToolNames,
    ToolResult,
    User,
)
from ossia.server.conversation import Conversation

HEAD = System(Effort.LOW, "2026-01-01")


def messages(talk: Conversation, *tools: Tool):
    head, *rest = talk.messages(Effort.LOW, "2026-01-01", tools)
    assert head == HEAD
    return rest


def test_instructions_are_one_message_with_the_tools() -> None:
    talk = Conversation(ToolNames(["add"]))
    talk.instruct("Be brief.")
    talk.instruct("Be kind.")
    talk.ask("Hi")
    talk.instruct("Now in verse.")
    tool = Tool("add")
    assert messages(talk, tool) == [
        Developer("Be brief.\n\nBe kind.", (tool,)),
        User("Hi"),
        Developer("Now in verse."),
    ]


def test_without_instructions_and_tools_there_is_no_developer() -> None:
    talk = Conversation(ToolNames([]))
    talk.ask("Hi")
    assert messages(talk) == [User("Hi")]
    assert talk.messages(Effort.LOW, None)[0] == System(Effort.LOW, None)


def test_results_stand_behind_their_own_calls() -> None:
    talk = Conversation(ToolNames(["add", "web.find"]))
    talk.ask("Hi")
    talk.think("Two sums.")
    talk.answer("Let me see.")
    talk.call("1", "add", '{"a":1}')
    talk.call("2", "web.find", '{"a":2}')
    talk.result("2", "two")
    talk.result("1", "one")
    talk.answer("Done.")
    assert talk.has_call("1")
    assert not talk.has_call("3")
    assert messages(talk) == [
        User("Hi"),
        Assistant("Two sums.", Channel.ANALYSIS),
        Assistant("Let me see.", Channel.COMMENTARY),
        Assistant('{"a":1}', Channel.COMMENTARY, "functions.add", "json"),
        ToolResult("functions.add", "one"),
        Assistant('{"a":2}', Channel.COMMENTARY, "functions.web_find", "json"),
        ToolResult("functions.web_find", "two"),
        Assistant("Done."),
    ]


def test_a_second_result_stands_where_it_came() -> None:
    talk = Conversation(ToolNames(["add"]))
    talk.call("1", "add", "{}")
    talk.result("1", "one")
    talk.ask("Again?")
    talk.result("1", "two")
    assert messages(talk)[-3:] == [
        ToolResult("functions.add", "one"),
        User("Again?"),
        ToolResult("functions.add", "two"),
    ]
