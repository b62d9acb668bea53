"""Conversations that remember, and their rounds with tools, on nano."""

import asyncio
from contextlib import aclosing

import pytest

import ossia
from ossia.api import talk as talk_module
from ossia.base.errors import InputError
from ossia.chat import Reason, Text, ToolCall
from ossia.harmony import Channel

SUM = "What is 27 + 58?"
ANSWER = "27 + 58 = 85"


def test_a_talk_remembers(model) -> None:
    talk = model.talk(seed=1)
    assert talk.ask(SUM).text == ANSWER
    assert talk.ask("plus 5?").text == "85 + 5 = 90"
    assert [type(m).__name__ for m in talk.messages].count("User") == 2


def test_a_talk_that_fails_is_as_before(model) -> None:
    talk = model.talk(seed=1)
    talk.ask(SUM)
    before = list(talk.messages)
    with pytest.raises(InputError, match="tokens long"):
        talk.ask("word " * 9000)
    stream = talk.stream("plus 5?")
    next(stream)
    stream.close()
    assert talk.messages == before
    assert talk.ask("plus 5?").text == "85 + 5 = 90"


def test_functions_are_called_and_their_results_read(model) -> None:
    called = []

    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        called.append((a, b))
        return a + b

    talk = model.talk(tools=[add], seed=3, reasoning_limit=0)
    talk.ask(SUM, tool_choice="add")
    assert len(called) >= 1
    assert all(type(n) is int for pair in called for n in pair)
    kinds = [type(message).__name__ for message in talk.messages]
    assert kinds[:3] == ["User", "Assistant", "ToolResult"]
    assert kinds[-1] == "Assistant"


def test_a_call_that_is_no_functions_is_the_scripts_to_answer(model) -> None:
    weather = ossia.Tool("weather", "Tells the weather.", {"type": "object", "properties": {}})
    talk = model.talk(tools=[weather], seed=1, reasoning_limit=0)
    reply = talk.ask("What is the weather?", tool_choice="weather")
    assert reply.reason is Reason.TOOL_CALL
    (call,) = reply.calls
    assert (call.name, call.arguments) == ("weather", {})
    assert talk.answer_tool(call, "sunny", tool_choice="none").reason is not Reason.TOOL_CALL


def test_a_model_that_only_calls_is_given_up(model, monkeypatch) -> None:
    def look() -> str:
        """Looks."""
        return "nothing"

    monkeypatch.setattr(talk_module, "MAX_ROUNDS", 2)
    monkeypatch.setattr(talk_module._Rounds, "take", _always_calling(talk_module._Rounds.take))
    talk = model.talk(tools=[look], seed=1, reasoning_limit=0)
    with pytest.raises(ossia.OssiaError, match="2 times without an answer"):
        talk.ask("Look.", tool_choice="look")
    assert talk.messages == []


def _always_calling(take):
    def took(self, reply) -> None:
        options = dict(self._options)
        calls = take(self, reply)
        self._options = options  # what was demanded once is demanded again
        return calls

    return took


def test_a_stream_has_the_events_of_every_round(model) -> None:
    def look() -> str:
        """Looks."""
        return "nothing"

    options = {"tools": [look], "seed": 3, "reasoning_limit": 0, "max_tokens": 64}
    talk, same = model.talk(**options), model.talk(**options)
    events = list(talk.stream("Look.", tool_choice="look"))
    assert any(isinstance(event, ToolCall) for event in events)
    assert sum(isinstance(event, ossia.Done) for event in events) >= 2
    same.ask("Look.", tool_choice="look")
    assert talk.messages == same.messages

    async def main() -> None:
        other = model.talk(**options)
        async with aclosing(other.astream("Look.", tool_choice="look")) as found:
            again = [event async for event in found if not isinstance(event, ossia.Done)]
        assert other.messages == talk.messages
        assert len(again) > 2

    asyncio.run(main())


def test_coroutines_are_awaited_by_aask_and_refused_by_ask(model) -> None:
    called = []

    async def look(at: int) -> str:
        """Looks."""
        await asyncio.sleep(0)
        called.append(at)
        return "nothing"

    talk = model.talk(tools=[look], seed=3, reasoning_limit=0)
    with pytest.raises(InputError, match=r"await talk\.aask"):
        talk.ask("Look.", tool_choice="look")
    assert talk.messages == []
    asyncio.run(talk.aask("Look.", tool_choice="look"))
    assert called
    results = [m.text for m in talk.messages if isinstance(m, ossia.ToolResult)]
    assert results == ["nothing"] * len(called)


def test_a_call_may_be_answered_in_an_event_loop(model) -> None:
    weather = {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Tells the weather.",
            "parameters": {"type": "object", "properties": {}},
        },
    }
    talk = model.talk(tools=[weather], seed=1, reasoning_limit=0)

    async def main() -> ossia.Reply:
        reply = await talk.aask("What is the weather?", tool_choice="weather")
        return await talk.aanswer_tool(reply.calls[0], "sunny", tool_choice="none")

    assert asyncio.run(main()).reason is not Reason.TOOL_CALL
    (result,) = (m for m in talk.messages if isinstance(m, ossia.ToolResult))
    assert (result.name, result.text) == ("functions.weather", "sunny")


def test_a_cancelled_talk_is_as_before(model) -> None:
    talk = model.talk(seed=1)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await talk.aask(SUM)

    asyncio.run(main())
    assert talk.messages == []
    assert talk.ask(SUM).text == ANSWER


def test_a_result_goes_back_on_the_channel_of_its_call() -> None:
    call = ossia.Call("browser.search", "{}", "browser.search", Channel.ANALYSIS)
    assert call.result("x") == ossia.ToolResult("browser.search", "x", Channel.ANALYSIS)


def test_reasoning_is_shown_again_until_an_answer_ends_it(model) -> None:
    talk = model.talk(seed=1)
    talk.ask(SUM)
    channels = [m.channel for m in talk.messages if isinstance(m, ossia.Assistant)]
    assert channels == [Channel.ANALYSIS, Channel.FINAL]
    bare = [m for m in talk.messages if getattr(m, "channel", None) is not Channel.ANALYSIS]
    again = model.chat([*bare, ossia.User("plus 5?")], seed=1)
    assert talk.ask("plus 5?").usage.prompt_tokens == again.usage.prompt_tokens


def test_texts_stream_as_they_are_asked(model) -> None:
    talk = model.talk(seed=1)
    assert "".join(e.text for e in talk.stream(SUM) if isinstance(e, Text)) == ANSWER


def test_a_call_that_is_cut_off_is_not_made(model) -> None:
    called = []

    def note(text: str) -> None:
        """Notes it."""
        called.append(text)

    talk = model.talk(tools=[note], seed=1, reasoning_limit=0)
    reply = talk.ask("Note it.", tool_choice="note", max_tokens=24)
    assert reply.reason is Reason.LENGTH
    assert reply.messages[-1].recipient == "functions.note"
    assert (reply.calls, called) == ((), [])
    assert [type(message) for message in talk.messages] == [ossia.User]
