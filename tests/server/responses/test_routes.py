"""The official ``openai`` package's Responses against nano in a server process."""

import asyncio
import json
import math
import re
from pathlib import Path
from typing import Any, Literal

import httpx
import openai
import pytest
from openai.types.responses import ResponseItemList
from pydantic import BaseModel
from tests.server.responses.asking import (
    ADD,
    LONG,
    PATH,
    SUM,
    events_of,
)
from tests.server.watched import watched_async_client

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


def test_what_was_said_is_found(ask, client, address) -> None:
    def found(query: str, **more: Any) -> list[str]:
        url = f"{address}/ossia/responses/search"
        answer = httpx.get(url, params={"query": query, **more}).raise_for_status().json()
        return [hit["place"] for hit in answer["data"]]

    answer = ask(input="한국어로 What is 27 + 58?", max_output_tokens=16)
    talk = client.conversations.create(items=[{"role": "user", "content": "A zebra! A zebra!"}])
    assert found("한국") == [answer.id]
    assert found("zebra") == found("ZEBR") == [talk.id]
    assert found("zebra 한국") == []
    assert len(found("27", limit=2)) == 2
    for wrong in ({}, {"query": ""}, {"query": "a", "limit": 0}):
        refused = httpx.get(f"{address}/ossia/responses/search", params=wrong)
        assert refused.status_code == 400
    client.conversations.delete(talk.id)
    assert found("zebra") == []


def test_a_stream_is_replayed_from_anywhere(address, stream) -> None:
    events = stream()
    url = f"{address}{PATH}/{events[0]['response']['id']}"
    assert events_of("GET", url, params={"stream": "true"}) == events
    for after in (0, 3, len(events) - 2, len(events) - 1, 10**6):
        params = {"stream": "true", "starting_after": after}
        assert events_of("GET", url, params=params) == events[after + 1 :]


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


def test_the_page_about_responses_says_what_happens(address, capsys) -> None:
    page = (Path(__file__).parents[3] / "docs" / "responses.md").read_text("utf-8")
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    told = re.findall(r"```text\n(.*?)```", page, re.DOTALL)[0]
    exec(code.replace("http://localhost:11434", address), {})
    assert capsys.readouterr().out == told
