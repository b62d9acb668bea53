"""The server's tools in the dialects that show nothing of them but what is cited."""

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from tests.agent.script import Script
from tests.server.scripted import ScriptedModels, browses, calls, runs, says, scripted_server
from tests.tools.python.notebook import needs_sandbox

from ossia.agent import Equipment
from ossia.chat import ChatModel
from ossia.tools.documents import Index, update

FOUND = (browses("search", '{"query": "Zenvora"}'), browses("open", '{"id": 0}'))
SAID = "It is lantern.【1†L4】"
ASKED: Any = {"model": "nano", "messages": [{"role": "user", "content": "The code word?"}]}
ADD: Any = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def nano() -> ChatModel:
    return ChatModel.load("nano", context=2048)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the one document in the index."""
    page = tmp_path_factory.mktemp("documents") / "zenvora.md"
    page.write_text("# Zenvora\n\nThe code word of the Zenvora project is lantern.\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSSIA_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("OSSIA_OFFLINE", "1")
        update(Index(), page.parent)
        yield page.as_uri()


@pytest.fixture(scope="module")
def server(nano: ChatModel, url: str) -> Iterator[tuple[str, ScriptedModels]]:  # noqa: ARG001
    with scripted_server(nano, Equipment(frozenset({"browser", "python"}))) as made:
        yield made


@pytest.fixture
def chat(server: tuple[str, ScriptedModels], nano: ChatModel) -> Any:
    address, models = server
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)

    def asking(*lines: str, **fields: Any) -> Any:
        models.script = Script(nano.tokenizer, *lines)
        return client.chat.completions.create(**ASKED | fields)

    return asking


@pytest.fixture
def message(server: tuple[str, ScriptedModels], nano: ChatModel) -> Any:
    address, models = server
    client = anthropic.Anthropic(base_url=address, api_key="none", max_retries=0)

    def asking(*lines: str, **fields: Any) -> Any:
        models.script = Script(nano.tokenizer, *lines)
        return client.messages.create(**ASKED | {"max_tokens": 900} | fields)

    return asking


def test_chat_completions_cite_with_url_title_and_range(chat: Any, url: str) -> None:
    answer = chat(*FOUND, says(SAID), web_search_options={})
    [choice] = answer.choices
    assert choice.message.content == SAID
    assert choice.message.tool_calls is None
    assert choice.finish_reason == "stop"
    [annotation] = choice.message.annotations
    cited = annotation.url_citation
    assert (cited.url, cited.title) == (url, "Zenvora")
    assert SAID[cited.start_index : cited.end_index] == "【1†L4】"


def test_streamed_chat_completions_say_the_same(chat: Any, url: str) -> None:
    chunks = list(chat(*FOUND, says(SAID), tools=[{"type": "web_search"}], stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == SAID
    told = [each for delta in deltas for each in getattr(delta, "annotations", None) or ()]
    assert [each["url_citation"]["url"] for each in told] == [url]


def test_code_runs_for_chat_completions(chat: Any) -> None:
    needs_sandbox()
    answer = chat(runs("6*7"), says("42."), tools=[{"type": "code_interpreter"}])
    assert answer.choices[0].message.content == "42."
    assert answer.usage.completion_tokens > 10


def test_functions_of_the_client_come_through(chat: Any) -> None:
    needs_sandbox()
    tools = [{"type": "code_interpreter"}, ADD]
    answer = chat(runs("6*7"), calls("add", '{"a": 42}'), tools=tools)
    [call] = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("add", '{"a": 42}')
    assert answer.choices[0].finish_reason == "tool_calls"


def test_messages_cite_in_their_block(message: Any, url: str) -> None:
    search: Any = {"type": "web_search_20250305", "name": "web_search"}
    answer = message(*FOUND, says(SAID), tools=[search])
    [block] = answer.content
    assert block.text == SAID
    [cited] = block.citations
    assert (cited.type, cited.url, cited.title) == ("web_search_result_location", url, "Zenvora")
    assert "lantern" in cited.cited_text
    kinds = [
        event.delta.type
        for event in message(*FOUND, says(SAID), tools=[search], stream=True)
        if event.type == "content_block_delta"
    ]
    assert kinds[-1] == "citations_delta"


def test_code_runs_for_messages(message: Any) -> None:
    needs_sandbox()
    tool: Any = {"type": "code_execution_20250522", "name": "code_execution"}
    answer = message(runs("6*7"), says("42."), tools=[tool])
    assert answer.content[-1].text == "42."


def test_what_is_not_enabled_is_told(nano: ChatModel) -> None:
    with scripted_server(nano, Equipment()) as (address, models):
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        models.script = Script(nano.tokenizer, says("Hello."))
        answer = client.chat.completions.create(**ASKED, web_search_options={})
    assert answer.choices[0].message.content == "Hello."
    assert "ossia serve --tools browser" in answer.model_extra["ossia"]["warnings"][0]
