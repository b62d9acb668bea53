"""The official ``ollama`` package against a server's process."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import ollama
import pytest
from pydantic import BaseModel

from ossia import hub
from ossia.harmony import System, User, render
from ossia.tokenizer import load_tokenizer

SUM = [{"role": "user", "content": "What is 27 + 58?"}]
COLD: dict[str, Any] = {"temperature": 0, "num_predict": 400}


class Demanding(httpx.HTTPTransport):
    """Adds to chats what Ollama's packages cannot say: nano calls no tool by itself.

    A tool must be called until its result is there, with arguments that match its schema.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.read() or b"{}")
        if body.get("tools"):
            if body["messages"][-1]["role"] != "tool":
                body["tool_choice"] = "required"
            for tool in body["tools"]:
                tool["function"]["strict"] = True
                tool["function"]["parameters"]["additionalProperties"] = False
        content = json.dumps(body).encode()
        headers = {k: v for k, v in request.headers.items() if k != "content-length"}
        return super().handle_request(
            httpx.Request(request.method, request.url, headers=headers, content=content)
        )


@pytest.fixture
def client(address: str) -> Iterator[ollama.Client]:
    with ollama.Client(host=address) as client:
        yield client


def test_chat(client: ollama.Client) -> None:
    answer = client.chat("nano", SUM, options=COLD)
    assert answer.message.content == "27 + 58 = 85"
    assert answer.message.thinking is not None
    assert "answer 85" in answer.message.thinking
    assert answer.done_reason == "stop"
    assert answer.eval_count is not None
    assert answer.eval_count > 20


def test_a_stream_says_the_same(client: ollama.Client) -> None:
    whole = client.chat("gpt-oss:20b", SUM, options=COLD)
    parts = list(client.chat("gpt-oss:20b", SUM, options=COLD, stream=True))
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert "".join(part.message.thinking or "" for part in parts) == whole.message.thinking
    assert len(parts) > 20
    assert parts[-1].eval_count == whole.eval_count


def test_async(address: str) -> None:
    async def ask() -> tuple[Any, list[Any]]:
        async with ollama.AsyncClient(host=address) as client:
            both = [client.chat("nano", SUM, options=COLD) for _ in range(4)]
            answers = await asyncio.gather(*both)
            stream = await client.chat("nano", SUM, options=COLD, stream=True)
            return answers, [part async for part in stream]

    answers, parts = asyncio.run(ask())
    assert {answer.message.content for answer in answers} == {"27 + 58 = 85"}
    assert "".join(part.message.content for part in parts) == "27 + 58 = 85"


def test_think(client: ollama.Client) -> None:
    assert client.chat("nano", SUM, think=False, options=COLD).message.thinking is None
    for think in (True, "low", "medium", "high"):
        assert client.chat("nano", SUM, think=think, options=COLD).message.thinking


def test_the_same_seed_says_the_same(client: ollama.Client) -> None:
    options = {"seed": 3, "temperature": 1.5, "num_predict": 40}
    first, second = (client.generate("nano", "Hi", options=options) for _ in range(2))
    assert (first.response, first.thinking) == (second.response, second.thinking)


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_tool_loop(address: str, is_stream: bool) -> None:
    def add(a: Literal[27], b: Literal[58]) -> int:
        """Adds."""
        return a + b

    messages: list[Any] = list(SUM)
    parameters = {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "enum": [27]},
            "b": {"type": "integer", "enum": [58]},
        },
        "required": ["a", "b"],
    }
    tool = {"type": "function", "function": {"name": "add", "parameters": parameters}}
    for _ in range(2):
        with ollama.Client(host=address, transport=Demanding()) as client:
            answer = client.chat("nano", messages, tools=[tool], options=COLD, stream=is_stream)
            parts = list(answer) if is_stream else [answer]
        calls = [call for part in parts for call in part.message.tool_calls or ()]
        thinking = "".join(part.message.thinking or "" for part in parts)
        content = "".join(part.message.content or "" for part in parts)
        if not calls:
            break
        messages.append(
            {"role": "assistant", "content": content, "thinking": thinking, "tool_calls": calls}
        )
        for call in calls:
            assert call.function.name == "add"
            result = str(add(**call.function.arguments))
            messages.append({"role": "tool", "content": result, "tool_name": "add"})
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[-1]["content"] == "85"
    assert content


def test_a_schema(client: ollama.Client) -> None:
    class Sum(BaseModel, extra="forbid"):
        word: Literal["sum"]
        is_right: Literal[True]

    answer = client.chat("nano", SUM, format=Sum.model_json_schema(), options=COLD)
    assert Sum.model_validate_json(answer.message.content or "").word == "sum"


def test_a_stop_string(client: ollama.Client) -> None:
    answer = client.generate("nano", "What is 27 + 58?", options=COLD | {"stop": [" ="]})
    assert answer.response == "27 + 58"
    assert answer.done_reason == "stop"


def test_log_probabilities(client: ollama.Client) -> None:
    answer = client.chat("nano", SUM, options=COLD, logprobs=True, top_logprobs=2)
    assert answer.logprobs is not None
    assert "".join(token.token for token in answer.logprobs) == "27 + 58 = 85"


def test_generate_goes_on_from_its_context(client: ollama.Client) -> None:
    first = client.generate("nano", "What is 27 + 58?", options=COLD)
    second = client.generate("nano", "Hello!", context=first.context, options=COLD)
    assert first.context is not None
    assert second.context is not None
    assert second.context[: len(first.context)] == first.context
    assert second.prompt_eval_count > client.generate("nano", "Hello!").prompt_eval_count


def test_raw(client: ollama.Client) -> None:
    tokenizer = load_tokenizer(json=hub.EMBEDDED["nano"] / "tokenizer.json")
    prompt = tokenizer.decode(render([System(), User("What is 27 + 58?")], tokenizer))
    whole = client.generate("nano", prompt, raw=True, options=COLD)
    assert "<|channel|>final<|message|>27 + 58 = 85" in (whole.response or "")
    assert whole.context is None
    parts = list(client.generate("nano", prompt, raw=True, options=COLD, stream=True))
    assert "".join(part.response or "" for part in parts) == whole.response
    assert parts[-1].done_reason == "stop"
    assert parts[-1].eval_count == whole.eval_count


def test_what_asks_nothing_loads_and_unloads(client: ollama.Client) -> None:
    assert client.generate("nano", "", keep_alive="10m").done_reason == "load"
    (loaded,) = client.ps().models
    assert loaded.context_length == 131_072
    assert loaded.expires_at is not None
    assert client.chat("nano", [], keep_alive=0).done_reason == "unload"
    assert client.ps().models == []
    client.chat("nano", SUM, options={"num_predict": 1}, keep_alive=-1)
    (loaded,) = client.ps().models
    assert loaded.expires_at.year > 2100


def test_a_model_in_use_goes_when_it_is_free(client: ollama.Client) -> None:
    client.generate("nano", "", keep_alive="10m")
    parts = client.chat("nano", SUM, options={"num_predict": 300, "seed": 1}, stream=True)
    next(parts)
    assert client.chat("nano", [], keep_alive=0).done_reason == "unload"
    assert [part.done for part in parts][-1]
    for _ in range(100):
        if not client.ps().models:
            return
        time.sleep(0.05)
    pytest.fail("it is still loaded")


def test_models(client: ollama.Client) -> None:
    assert {"nano:latest", "gpt-oss:20b"} <= {model.model for model in client.list().models}
    for name in ("nano", "nano:latest", "gpt-oss:20b"):
        assert client.show(name).capabilities == ["completion", "tools", "thinking"]


def test_a_persona_from_making_to_removing(client: ollama.Client) -> None:
    made = client.create("Pirate", from_="nano", system="Arr.", parameters={"num_predict": 3})
    assert made.status == "success"
    last = list(client.create("Pirate", from_="nano", system="Arr.", stream=True))[-1]
    assert last.status == "success"
    client.create("Pirate", from_="Pirate", parameters={"num_predict": 3, "num_ctx": 4096})
    assert client.chat("Pirate", SUM).eval_count == 3
    assert "Arr." in (client.show("Pirate").modelfile or "")
    assert client.copy("Pirate", "parrot").status == "success"
    assert {"Pirate:latest", "parrot:latest"} <= {m.model for m in client.list().models}
    for name in ("Pirate", "parrot:latest"):
        assert client.delete(name).status == "success"
    assert not {"Pirate:latest", "parrot:latest"} & {m.model for m in client.list().models}
    with pytest.raises(ollama.ResponseError) as caught:
        client.delete("parrot")
    assert caught.value.status_code == 404


def test_pulling_what_is_here(client: ollama.Client) -> None:
    assert client.pull("nano").status == "success"
    assert [step.status for step in client.pull("nano", stream=True)][-1] == "success"


def test_pulling_without_a_network_says_so(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="OSSIA_OFFLINE"):
        client.pull("openai/gpt-oss-120b")


def test_errors_are_the_packages_own(client: ollama.Client) -> None:
    for ask, status, reason in (
        (lambda: client.chat("no-such-model", SUM), 404, "no-such-model"),
        (lambda: client.generate("nano", "a", suffix="b"), 400, "suffix"),
        (lambda: client.chat("nano", SUM, options={"temperature": -1}), 400, "temperature"),
        (lambda: client.embed("nano", "text"), 400, "embeddings"),
        (lambda: client.push("nano"), 400, "uploads"),
        (lambda: list(client.chat("nope", SUM, stream=True)), 404, "nope"),
    ):
        with pytest.raises(ollama.ResponseError, match=reason) as caught:
            ask()
        assert caught.value.status_code == status
