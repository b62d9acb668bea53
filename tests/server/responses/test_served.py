"""Tools that run on the server, by the official client; the model's words are written down."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.agent.script import Script
from tests.server.scripted import (
    ScriptedModels,
    browses,
    calls,
    runs,
    says,
    scripted_server,
)
from tests.server.watched import watched_client
from tests.tools.python.notebook import needs_sandbox

from ossia.agent import Equipment
from ossia.chat import ChatModel
from ossia.harmony import Assistant, System, ToolResult
from ossia.tools.documents import Index, update

CODE: Any = {"type": "code_interpreter", "container": {"type": "auto"}}
SEARCH: Any = {"type": "web_search"}
ADD: Any = {
    "type": "function",
    "name": "add",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
}


@pytest.fixture(scope="module")
def nano() -> ChatModel:
    return ChatModel.load("nano", context=2048)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With documents of this machine in the index."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "zenvora.md").write_text(
        "# Zenvora\n\nThe code word of the Zenvora project is lantern.\nIt was founded in 1987.\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSSIA_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("OSSIA_OFFLINE", "1")
        update(Index(), folder)
        yield folder


@pytest.fixture(scope="module")
def server(nano: ChatModel, home: Path) -> Iterator[tuple[openai.OpenAI, ScriptedModels]]:  # noqa: ARG001
    names = frozenset({"browser", "python"})
    with (
        scripted_server(nano, Equipment(names)) as (address, models),
        watched_client(address) as client,
    ):
        yield client, models


@pytest.fixture
def ask(server: tuple[openai.OpenAI, ScriptedModels], nano: ChatModel) -> Callable[..., Any]:
    """A request whose answer is a script of rounds; streamed or not, what comes is checked."""
    client, models = server

    def asking(*lines: str, **fields: Any) -> Any:
        models.script = Script(nano.tokenizer, *lines)
        usual = {"model": "nano", "input": "A question."}
        return client.responses.create(**usual | fields)

    return asking


@pytest.fixture
def asked(server: tuple[openai.OpenAI, ScriptedModels]) -> Callable[[], Any]:
    """What the model was shown in the rounds of the request before."""
    return lambda: [messages for messages, *_ in server[1].script.asked]


def test_code_runs_and_its_output_is_read(ask, asked) -> None:
    needs_sandbox()
    response = ask(runs("123*456"), says("It is 56088."), tools=[CODE])
    assert [item.type for item in response.output] == [
        "reasoning",
        "code_interpreter_call",
        "message",
    ]
    _, call, message = response.output
    assert call.code == "123*456"
    assert call.status == "completed"
    assert [output.logs for output in call.outputs] == ["56088"]
    assert call.container_id.startswith("cntr_")
    assert message.phase == "final_answer"
    assert response.output_text == "It is 56088."
    first, second = asked()
    assert isinstance(first[0], System)
    assert [space.name for space in first[0].tools] == ["python"]
    assert second[-1] == ToolResult("python", "56088", second[-2].channel)
    assert response.usage.output_tokens > 10


def test_the_stream_has_the_code_piece_by_piece_and_every_step(ask) -> None:
    needs_sandbox()
    kinds = [
        event.type.removeprefix("response.")
        for event in ask(runs("print(6*7)"), says("42."), tools=[CODE], stream=True)
    ]
    start = kinds.index("code_interpreter_call.in_progress")
    assert kinds.count("code_interpreter_call_code.delta") > 1
    left = [kind for kind in kinds[start:] if not kind.endswith("delta")]
    assert left[:5] == [
        "code_interpreter_call.in_progress",
        "code_interpreter_call_code.done",
        "code_interpreter_call.interpreting",
        "code_interpreter_call.completed",
        "output_item.done",
    ]
    assert kinds[-1] == "completed"


def test_variables_stay_for_who_goes_on(ask, asked) -> None:
    needs_sandbox()
    first = ask(runs("x = 40"), says("Kept."), tools=[CODE])
    items = [{"role": "user", "content": "A question."}, *(each.to_dict() for each in first.output)]
    second = ask(
        runs("x + 2"), says("42."), tools=[CODE], previous_response_id=first.id, input="Go on."
    )
    assert second.output[1].outputs[0].logs == "42"
    told = asked()[0]
    # Who carries the items himself finds the same variables, and the model reads the same.
    more = [*items, {"role": "user", "content": "Go on."}]
    third = ask(runs("x + 3"), says("43."), tools=[CODE], input=more, store=False)
    assert third.output[1].outputs[0].logs == "43"
    assert asked()[0] == told
    assert {r.output[1].container_id for r in (first, second, third)} == {
        first.output[1].container_id
    }
    named = CODE | {"container": first.output[1].container_id}
    fourth = ask(runs("x + 4"), says("44."), tools=[named])
    assert fourth.output[1].outputs[0].logs == "44"
    other = ask(runs("x"), says("No."), tools=[CODE])
    assert "NameError" in other.output[1].outputs[0].logs


def test_a_container_that_is_not_there_is_refused(ask) -> None:
    with pytest.raises(openai.NotFoundError, match="no container 'cntr_1'"):
        ask(says("Never."), tools=[CODE | {"container": "cntr_1"}])
    with pytest.raises(openai.BadRequestError, match="id of a container"):
        ask(says("Never."), tools=[CODE | {"container": 3}])


def test_a_document_is_found_opened_and_cited(ask, home: Path) -> None:
    response = ask(
        browses("search", '{"query": "code word of the Zenvora project"}'),
        browses("open", '{"id": 0}'),
        browses("find", '{"pattern": "founded"}'),
        says("It is lantern.【1†L4】 Founded in 1987【1†L4-5】, and 【9†L1】 is nothing."),
        tools=[SEARCH],
    )
    kinds = ["reasoning", "web_search_call"] * 3 + ["message"]
    assert [item.type for item in response.output] == kinds
    search, opened, found = response.output[1:6:2]
    url = (home / "zenvora.md").as_uri()
    assert search.action.query == "code word of the Zenvora project"
    assert [source.url for source in search.action.sources] == [url]
    assert (opened.action.type, opened.action.url) == ("open_page", url)
    assert (found.action.type, found.action.pattern) == ("find_in_page", "founded")
    assert "lantern" in opened.ossia["result"]
    text, (one, two) = response.output_text, response.output[-1].content[0].annotations
    assert (one.url, one.title, text[one.start_index : one.end_index]) == (
        url,
        "Zenvora",
        "【1†L4】",
    )
    [line] = one.ossia["lines"]
    assert "lantern" in line
    assert text[two.start_index : two.end_index] == "【1†L4-5】"
    assert len(two.ossia["lines"]) == 2


def test_cursors_go_on_in_the_next_answer(ask) -> None:
    searched = browses("search", '{"query": "Zenvora"}')
    first = ask(searched, says("Found."), tools=[SEARCH])
    second = ask(
        browses("open", '{"id": 0, "cursor": 0}'),
        says("Here.【1†L4】"),
        tools=[SEARCH],
        previous_response_id=first.id,
    )
    assert second.output[-1].content[0].annotations[0].ossia["cursor"] == 1


def test_a_page_that_cannot_be_opened_fails_and_the_answer_goes_on(ask) -> None:
    response = ask(
        browses("open", '{"id": "http://127.0.0.1/"}'), says("Not here."), tools=[SEARCH]
    )
    assert response.output[1].status == "failed"
    assert response.output[1].ossia["is_error"]
    assert response.output_text == "Not here."


def test_what_is_not_laid_open_is_no_tool(ask, asked) -> None:
    response = ask(runs("1"), says("I cannot."), tools=[SEARCH])
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert "there is no tool" in asked()[1][-1].text


def test_functions_of_the_client_stand_beside_those_of_the_server(ask, asked) -> None:
    needs_sandbox()
    first = ask(runs("2+3"), calls("add", '{"a": 5}'), tools=[CODE, ADD])
    assert [item.type for item in first.output] == [
        "reasoning",
        "code_interpreter_call",
        "reasoning",
        "function_call",
    ]
    before = asked()[1]
    result = {"type": "function_call_output", "call_id": first.output[-1].call_id, "output": "6"}
    second = ask(says("It is 6."), tools=[CODE, ADD], previous_response_id=first.id, input=[result])
    assert second.output_text == "It is 6."
    [after] = asked()
    assert after[: len(before)] == before
    assert [type(message) for message in after[len(before) :]] == [Assistant, Assistant, ToolResult]


def test_no_more_calls_than_the_client_allows(ask, server) -> None:
    needs_sandbox()
    ask(runs("1"), says("Enough."), tools=[CODE], max_tool_calls=1)
    *_, demands, _ = server[1].script.asked[-1]
    assert demands.tool_choice == "none"


def test_a_choice_names_a_tool_of_the_server(ask, server) -> None:
    needs_sandbox()
    ask(runs("1"), says("1."), tools=[CODE, SEARCH], tool_choice={"type": "code_interpreter"})
    first, second = (demands.tool_choice for _, _, demands, _ in server[1].script.asked)
    assert first.recipient == "python"
    assert second == "auto"
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}
    ask(says("Hm."), tools=[CODE, SEARCH], tool_choice=choice)
    assert [space.name for space in server[1].script.asked[0][0][0].tools] == ["browser"]


def test_tokens_are_counted_with_the_tools(server) -> None:
    client, _ = server
    with_tool, without = (
        client.responses.input_tokens.count(model="nano", input="Hi.", tools=tools).input_tokens
        for tools in ([CODE], [])
    )
    assert with_tool > without + 50


def test_where_nothing_is_enabled_the_client_is_told(nano: ChatModel) -> None:
    with scripted_server(nano, Equipment()) as (address, models):
        models.script = Script(nano.tokenizer, says("Hello."))
        with watched_client(address) as client:
            response = client.responses.create(model="nano", input="Hi.", tools=[CODE, SEARCH])
    assert response.output_text == "Hello."
    code, search = response.ossia["warnings"]
    assert "ossia serve --tools python" in code
    assert "ossia serve --tools browser" in search
