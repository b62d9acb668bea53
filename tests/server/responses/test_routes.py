"""The official ``openai`` package's Responses against nano in a server process."""

import asyncio
import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import httpx
import openai
import pytest
from openai.types.responses import ResponseItemList
from pydantic import BaseModel
from tests.server.response_streams import check_events
from tests.server.watched import events_in, watched_async_client, watched_client

PATH = "/v1/responses"
SUM = "What is 27 + 58?"
LONG = "word " * 200_000
ADD: dict[str, Any] = {
    "type": "function",
    "name": "add",
    "description": "Adds two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"enum": [27]}, "b": {"enum": [58]}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    "strict": True,
}
CUSTOM = {"type": "custom", "name": "raw", "description": "Anything."}


@pytest.fixture(scope="module")
def client(address):
    with watched_client(address) as made:
        yield made


@pytest.fixture(scope="module")
def ask(client) -> Callable[..., Any]:
    def create(**fields: Any) -> Any:
        usual = {"model": "nano", "input": SUM, "max_output_tokens": 400, "temperature": 0}
        return client.responses.create(**usual | fields)

    return create


@pytest.fixture(scope="module")
def stream(address) -> Callable[..., Any]:
    """A stream's events, just as they were sent, checked."""

    def create(**fields: Any) -> list[dict[str, Any]]:
        usual = {"model": "nano", "input": SUM, "max_output_tokens": 400, "temperature": 0}
        events = events_of("POST", f"{address}{PATH}", json=usual | fields | {"stream": True})
        check_events(events)
        return events

    return create


def events_of(method: str, url: str, **asked: Any) -> list[dict[str, Any]]:
    """The events of a whole stream."""
    with httpx.stream(method, url, timeout=60, **asked) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    assert not text or text.endswith("\n\n")
    return events_in(text)


def settled(client: openai.OpenAI, response_id: str) -> Any:
    """A response that is over."""
    for _ in range(600):
        found = client.responses.retrieve(response_id)
        if found.status not in ("queued", "in_progress"):
            return found
        time.sleep(0.02)
    raise TimeoutError(response_id)


def endless() -> dict[str, Any]:
    """A request that goes on until somebody stops it: its form allows no end before."""
    schema = {"type": "array", "items": {"const": "again"}, "minItems": 40_000}
    wrapped = {"type": "object", "properties": {"all": schema}, "required": ["all"]}
    form = {"type": "json_schema", "name": "endless", "schema": wrapped}
    effort = {"effort": "none"}
    return {"model": "nano", "input": SUM, "text": {"format": form}, "reasoning": effort}


# ------------------------------------------------------------------ one answer


def test_an_answer_with_its_reasoning_and_usage(ask) -> None:
    answer = ask()
    assert answer.status == "completed"
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.output_text == "27 + 58 = 85"
    assert answer.output[1].phase == "final_answer"
    assert answer.output[0].content[0].text
    assert answer.output[0].summary == []
    assert answer.usage.output_tokens_details.reasoning_tokens > 0
    assert answer.ossia["repairs"] == answer.ossia["warnings"] == []
    assert ask().usage.input_tokens_details.cached_tokens > 0


def test_what_was_asked_is_told(ask) -> None:
    asked: dict[str, Any] = {
        "instructions": "Be brief.",
        "metadata": {"of": "a test"},
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low", "summary": "auto"},
        "safety_identifier": "s",
        "service_tier": "flex",
        "text": {"verbosity": "low"},
        "tools": [ADD],
        "tool_choice": "none",
        "top_logprobs": 2,
        "top_p": 0.5,
        "truncation": "auto",
        "user": "u",
        "max_tool_calls": 3,
    }
    told = ask(**asked).to_dict()
    differs = {"reasoning", "service_tier", "text"}
    assert {key: told[key] for key in asked.keys() - differs} == {
        key: asked[key] for key in asked.keys() - differs
    }
    assert told["reasoning"] == {"effort": "low", "summary": "detailed"}
    assert told["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert told["service_tier"] == "default"
    assert told["max_output_tokens"] == 400


def test_a_stream_says_the_same(ask, stream) -> None:
    whole, response = ask().to_dict(), stream()[-1]["response"]
    for mine, other in zip(whole["output"], response["output"], strict=True):
        assert mine["content"] == other["content"]
    assert whole["usage"]["output_tokens"] == response["usage"]["output_tokens"]


def test_a_summary_is_the_reasoning(stream) -> None:
    events = stream(reasoning={"summary": "auto"})
    reasoning = events[-1]["response"]["output"][0]
    assert reasoning["summary"][0]["text"] == reasoning["content"][0]["text"] != ""


def test_no_reasoning_where_none_is_wanted(ask, stream) -> None:
    answer = ask(reasoning={"effort": "none"})
    assert answer.usage.output_tokens_details.reasoning_tokens == 0
    assert [item.type for item in answer.output] == ["message"]
    stream(reasoning={"effort": "none"})


@pytest.mark.parametrize("most", [1, 3, 12, 50])
def test_what_is_cut_is_incomplete(ask, stream, most) -> None:
    for answer in (ask(max_output_tokens=most).to_dict(), stream(max_output_tokens=most)[-1]):
        response = answer.get("response", answer)
        assert response["status"] == "incomplete"
        assert response["incomplete_details"] == {"reason": "max_output_tokens"}
        assert response["usage"]["output_tokens"] == most
        if response["output"]:
            assert response["output"][-1]["status"] == "incomplete"


def test_the_asynchronous_client(address) -> None:
    async def talk() -> None:
        async with watched_async_client(address) as client:
            asked: dict[str, Any] = {"model": "nano", "input": SUM, "temperature": 0}
            answers = await asyncio.gather(*[client.responses.create(**asked) for _ in range(4)])
            texts = {answer.output_text for answer in answers}
            assert len(texts) == 1
            events = await client.responses.create(**asked, stream=True)
            sent = [event async for event in events]
            assert sent[-1].response.output_text in texts

    asyncio.run(talk())


def test_the_packages_own_stream_helper(client) -> None:
    with client.responses.stream(model="nano", input=SUM, temperature=0) as events:
        said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        final = events.get_final_response()
    assert final.output_text == said == "27 + 58 = 85"


def test_parsing_into_pydantic(client) -> None:
    class Sum(BaseModel):
        a: int
        operation: Literal["plus", "minus"]
        is_sure: bool

    parsed = client.responses.parse(
        model="nano", input=SUM, text_format=Sum, max_output_tokens=800, temperature=0
    )
    assert isinstance(parsed.output_parsed, Sum)
    assert parsed.text.format.name == "Sum"


def test_json_object(ask) -> None:
    answer = ask(text={"format": {"type": "json_object"}}, max_output_tokens=800)
    if answer.status == "completed":
        assert isinstance(json.loads(answer.output_text), dict)


def test_log_probabilities(ask, stream) -> None:
    asked = {"include": ["message.output_text.logprobs"], "top_logprobs": 3}
    answer = ask(**asked)
    tokens = answer.output[1].content[0].logprobs
    assert bytes(b for token in tokens for b in token.bytes).decode() == answer.output_text
    for token in tokens:
        assert token.top_logprobs[0].token == token.token
        assert math.exp(token.logprob) <= 1
    said = stream(**asked)[-1]["response"]["output"][1]["content"][0]["logprobs"]
    assert said == [token.to_dict() for token in tokens]
    assert ask().output[1].content[0].logprobs == []


# ------------------------------------------------------------------ tools


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "add"}])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_whole_loop_of_tools(ask, stream, choice, is_streamed) -> None:
    asked = {"tools": [ADD], "tool_choice": choice}
    response = stream(**asked)[-1]["response"] if is_streamed else ask(**asked).to_dict()
    assert response["status"] == "completed"
    *_, call = response["output"]
    assert (call["type"], call["name"]) == ("function_call", "add")
    assert json.loads(call["arguments"]) == {"a": 27, "b": 58}
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "85"}
    question = {"role": "user", "content": SUM}
    answer = ask(input=[question, *response["output"], result], tools=[ADD], tool_choice="none")
    assert answer.output_text
    going_on = ask(
        input=[result], previous_response_id=response["id"], tools=[ADD], tool_choice="none"
    )
    assert going_on.usage.input_tokens == answer.usage.input_tokens
    assert going_on.output_text == answer.output_text


def test_parsing_the_arguments_of_tools(client) -> None:
    class Add(BaseModel):
        a: Literal[27]
        b: Literal[58]

    parsed = client.responses.parse(
        model="nano",
        input=SUM,
        tools=[openai.pydantic_function_tool(Add, name="add")],
        tool_choice="required",
        max_output_tokens=600,
    )
    [call] = [item for item in parsed.output if item.type == "function_call"]
    assert call.parsed_arguments.a == 27


def test_functions_of_a_namespace_keep_it(ask, stream) -> None:
    space = {"type": "namespace", "name": "sums", "description": "Sums.", "tools": [ADD]}
    asked = {"tools": [space], "tool_choice": "required"}
    *_, call = stream(**asked)[-1]["response"]["output"]
    assert (call["namespace"], call["name"]) == ("sums", "add")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "85"}
    question = {"role": "user", "content": SUM}
    assert ask(input=[question, call, result], tools=[space], tool_choice="none").output_text


def test_tools_of_other_types_are_reported(ask) -> None:
    tools = [
        {"type": "web_search"},
        {"type": "custom", "name": "patch", "format": {"type": "text"}},
        {"type": "file_search", "vector_store_ids": ["v"]},
        {"type": "namespace", "name": "n", "description": "N.", "tools": [CUSTOM]},
        ADD,
    ]
    answer = ask(tools=tools, tool_choice="none")
    assert len(answer.ossia["warnings"]) == 4
    assert [tool["type"] for tool in answer.to_dict()["tools"]] == [t["type"] for t in tools]
    assert len(ask(tools=tools[:-1], tool_choice="required").ossia["warnings"]) == 5
    assert len(ask(tools=tools, tool_choice={"type": "web_search_preview"}).ossia["warnings"]) == 5


def test_tools_of_tomorrow_are_no_error(address) -> None:
    tools = [{"type": "of tomorrow", "of": [1]}, ADD]
    asked = {"model": "nano", "input": SUM, "tools": tools, "tool_choice": {"type": "of tomorrow"}}
    answer = httpx.post(f"{address}{PATH}", json=asked).raise_for_status().json()
    assert answer["status"] == "completed"
    assert answer["tools"][0] == tools[0]
    assert len(answer["ossia"]["warnings"]) == 2


def test_reasoning_is_kept_between_calls_without_being_sent_back(ask) -> None:
    first = ask(tools=[ADD], tool_choice="required", store=False)
    thought, call = (item.to_dict() for item in first.output)
    assert (thought["type"], call["type"]) == ("reasoning", "function_call")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "85"}

    def prompt(*items: Any) -> int:
        asked = [{"role": "user", "content": SUM}, *items, result]
        return int(ask(input=asked, tools=[ADD], max_output_tokens=1).usage.input_tokens)

    assert prompt(call) == prompt(thought, call)
    stranger = call | {"call_id": "call_unknown"}
    result = result | {"call_id": "call_unknown"}
    assert prompt(stranger) < prompt(thought, stranger)


def test_sealed_reasoning_comes_back(ask, stream) -> None:
    asked = {"include": ["reasoning.encrypted_content"], "store": False}
    call = {"tools": [ADD], "tool_choice": "required"}
    thought, called = stream(**asked, **call)[-1]["response"]["output"]
    assert thought["content"][0]["text"] not in thought["encrypted_content"]
    stranger = called | {"call_id": "call_unknown"}
    result = {"type": "function_call_output", "call_id": "call_unknown", "output": "85"}

    def prompt(**fields: Any) -> Any:
        reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], **fields}
        items = [{"role": "user", "content": SUM}, reasoning, stranger, result]
        return ask(input=items, tools=[ADD], max_output_tokens=1)

    sealed = thought["encrypted_content"]
    opened = prompt(encrypted_content=sealed)
    assert opened.usage.input_tokens == prompt(content=thought["content"]).usage.input_tokens
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    for foreign in (changed, "gAAAAABforeign", "é"):
        forgotten = prompt(encrypted_content=foreign)
        assert forgotten.usage.input_tokens < opened.usage.input_tokens
        [warning] = forgotten.ossia["warnings"]
        assert warning == "input[1]: its encrypted_content was not made here"


# ------------------------------------------------------------------ what is kept


def test_one_goes_on_from_another(ask, client) -> None:
    first = ask()
    second = ask(input="What is 3 + 4?", previous_response_id=first.id)
    third = ask(input="Hi", previous_response_id=second.id, instructions="Be brief.")
    assert third.previous_response_id == second.id
    page = client.responses.input_items.list(third.id, order="asc")
    ResponseItemList.model_validate(page.to_dict() | {"object": "list"})
    assert [item.type for item in page.data] == [
        *("message", "reasoning", "message"),
        *("message", "reasoning", "message", "message"),
    ]
    said = [{"role": "user", "content": SUM}, *(item.to_dict() for item in first.output)]
    said += [{"role": "user", "content": "What is 3 + 4?"}, *(i.to_dict() for i in second.output)]
    said += [{"role": "user", "content": "Hi"}]
    whole = ask(input=said, instructions="Be brief.", store=False)
    assert whole.usage.input_tokens == third.usage.input_tokens
    assert whole.output_text == third.output_text
    client.responses.delete(first.id)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(previous_response_id=second.id)
    assert caught.value.code == "previous_response_not_found"


def test_pages_of_input_items(ask, client) -> None:
    items = [{"role": "user", "content": f"Number {number}"} for number in range(7)]
    answer = ask(input=items)
    assert [i.content[0].text for i in client.responses.input_items.list(answer.id, limit=3)] == [
        f"Number {number}" for number in reversed(range(7))
    ]
    page = client.responses.input_items.list(answer.id, limit=3, order="asc")
    assert page.has_more
    assert page.data[-1].id == page.to_dict()["last_id"]
    rest = client.responses.input_items.list(
        answer.id, limit=10, order="asc", after=page.data[-1].id
    )
    assert not rest.has_more
    assert [item.content[0].text for item in rest.data] == [f"Number {n}" for n in range(3, 7)]
    with pytest.raises(openai.BadRequestError):
        client.responses.input_items.list(answer.id, after="msg_none")


def test_what_is_kept_is_as_it_was_told(ask, client) -> None:
    answer = ask(tools=[ADD], metadata={"a": "b"})
    assert client.responses.retrieve(answer.id).to_dict() == answer.to_dict()
    client.responses.delete(answer.id)
    for again in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            again(answer.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.input_items.list(answer.id)


def test_what_is_not_to_be_kept_is_not(ask, client, stream) -> None:
    answer = ask(store=False)
    assert answer.to_dict()["store"] is False
    streamed = stream(store=False)[-1]["response"]
    for response_id in (answer.id, streamed["id"]):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(response_id)
        with pytest.raises(openai.BadRequestError):
            ask(previous_response_id=response_id)


def test_items_can_be_referred_to(ask) -> None:
    first = ask()
    items = [
        {"role": "user", "content": SUM},
        *({"type": "item_reference", "id": item.id} for item in first.output),
        {"role": "user", "content": "And 3 + 4?"},
    ]
    referred = ask(input=items)
    whole = [items[0], *(item.to_dict() for item in first.output), items[-1]]
    assert referred.usage.input_tokens == ask(input=whole).usage.input_tokens
    with pytest.raises(openai.BadRequestError, match=r"input\[0\].id"):
        ask(input=[{"type": "item_reference", "id": "rs_none"}])


def test_a_stream_is_replayed_from_anywhere(address, stream) -> None:
    events = stream()
    url = f"{address}{PATH}/{events[0]['response']['id']}"
    assert events_of("GET", url, params={"stream": "true"}) == events
    for after in (0, 3, len(events) - 2, len(events) - 1, 10**6):
        params = {"stream": "true", "starting_after": after}
        assert events_of("GET", url, params=params) == events[after + 1 :]


# ------------------------------------------------------------------ in the background


def test_in_the_background(client, ask) -> None:
    begun = ask(background=True)
    assert begun.status == "queued"
    done = settled(client, begun.id)
    assert (done.status, done.output_text) == ("completed", "27 + 58 = 85")
    assert done.background
    assert client.responses.cancel(begun.id).to_dict() == done.to_dict()
    assert ask(previous_response_id=begun.id, input="Hi").output_text


def test_a_stream_in_the_background_can_be_left_and_taken_up(address, client) -> None:
    asked = {"model": "nano", "input": SUM, "background": True, "temperature": 0}
    left = []
    with client.responses.create(**asked, stream=True) as events:
        for event in events:
            left.append(event.to_dict())
            if len(left) == 5:
                break
    response_id = left[0]["response"]["id"]
    url = f"{address}{PATH}/{response_id}"
    rest = events_of("GET", url, params={"stream": "true", "starting_after": 4})
    whole = events_of("GET", url, params={"stream": "true"})
    check_events(whole)
    assert rest == whole[5:]
    assert [event["type"] for event in left] == [event["type"] for event in whole[:5]]


def test_what_runs_in_the_background_can_be_cancelled(client, address) -> None:
    begun = client.responses.create(**endless(), background=True)
    url = f"{address}{PATH}/{begun.id}"
    with pytest.raises(openai.BadRequestError, match="not complete"):
        client.responses.create(model="nano", input="Hi", previous_response_id=begun.id)
    with httpx.stream("GET", url, params={"stream": "true"}) as answer:
        lines = answer.iter_lines()
        for line in lines:
            if '"response.output_text.delta"' in line:
                break
        cancelled = client.responses.cancel(begun.id)
        assert '"status":"cancelled"' in [line for line in lines if line][-1]
    assert cancelled.status == "cancelled"
    assert cancelled.output[-1].status == "incomplete"
    assert client.responses.cancel(begun.id).to_dict() == cancelled.to_dict()
    check_events(events_of("GET", url, params={"stream": "true"}))


def test_what_is_deleted_is_no_longer_made(client, address) -> None:
    begun = client.responses.create(**endless(), background=True)
    client.responses.delete(begun.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(begun.id)
    await_silence(address)


def test_only_what_runs_in_the_background_can_be_cancelled(client, ask) -> None:
    with pytest.raises(openai.BadRequestError, match="background"):
        client.responses.cancel(ask().id)


def test_a_failure_in_the_background_is_told(client, ask) -> None:
    with pytest.raises(openai.NotFoundError):
        ask(model="gpt-17", background=True)
    failed = settled(client, ask(input=LONG, background=True).id)
    assert failed.status == "failed"
    assert failed.error.code == "invalid_prompt"
    assert "tokens" in failed.error.message


def test_who_goes_away_leaves_nothing_behind(address, client) -> None:
    for is_streamed in (True, False) * 4:
        with (
            suppress(httpx.TimeoutException),
            httpx.Client(base_url=address, timeout=0.3) as going,
            going.stream("POST", PATH, json=endless() | {"stream": is_streamed}) as response,
        ):
            line = next(line for line in response.iter_lines() if line.startswith("data"))
            response_id = json.loads(line.removeprefix("data: "))["response"]["id"]
    await_silence(address)
    assert client.responses.retrieve(response_id).status == "cancelled"


def await_silence(address: str) -> None:
    """Nothing is being generated."""
    for _ in range(100):
        models = httpx.get(f"{address}/ossia/loaded").json()["models"]
        if all(model["num_requests"] == 0 for model in models):
            return
        time.sleep(0.05)
    pytest.fail("somebody still generates")


# ------------------------------------------------------------------ limits


@pytest.mark.parametrize("is_streamed", [False, True])
def test_errors_are_the_packages_exceptions(ask, client, is_streamed) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        ask(model="gpt-17", stream=is_streamed)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as caught:
        ask(input=LONG, stream=is_streamed)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input")
    assert str(client.models.retrieve("nano").context_length) in caught.value.message
    schema = {"type": "object", "minProperties": 3}
    form = {"type": "json_schema", "name": "x", "schema": schema}
    with pytest.raises(openai.BadRequestError, match="minProperties"):
        ask(text={"format": form}, stream=is_streamed)


def test_truncation_is_told(ask) -> None:
    turns = [{"role": "user", "content": LONG}, {"role": "assistant", "content": "So it is."}]
    items = [*turns, {"role": "user", "content": SUM}]
    answer = ask(input=items, truncation="auto", instructions="Be brief.")
    assert answer.output_text == ask(instructions="Be brief.").output_text
    assert answer.ossia["warnings"] == ["truncation: the first 2 messages are left out"]
    with pytest.raises(openai.BadRequestError, match="tokens"):
        ask(input=items)


def test_tokens_are_counted_as_they_are_used(ask, client) -> None:
    asked: dict[str, Any] = {"tools": [ADD], "instructions": "Be brief.", "tool_choice": "none"}
    counted = client.responses.input_tokens.count(model="nano", input=SUM, **asked)
    assert counted.object == "response.input_tokens"
    assert counted.input_tokens == ask(**asked).usage.input_tokens
    first = ask()
    more = client.responses.input_tokens.count(
        model="nano", input="And?", previous_response_id=first.id
    )
    assert more.input_tokens == ask(input="And?", previous_response_id=first.id).usage.input_tokens
