"""Tokens shown to people: of a prompt, and of an answer that was really given."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ossia import hub
from ossia.checkpoint import open_checkpoint
from ossia.harmony import Parser
from ossia.server.vocabulary import raw_shown, shown, vocabulary

QUESTION = {"model": "nano", "input": "What is 27 + 58?"}


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


def text_of(tokens: list[dict[str, Any]]) -> str:
    return "".join(token["text"] for token in tokens)


def test_an_answer_is_shown_as_the_model_saw_it(http: httpx.Client) -> None:
    prompt = http.post("/ossia/harmony", json=QUESTION).json()
    assert prompt["repairs"] == []
    assert text_of(prompt["tokens"]).endswith("27 + 58?<|end|><|start|>assistant")
    assert {token["from"] for token in prompt["tokens"]} == {"prompt"}
    answer = http.post("/v1/responses", json=QUESTION).json()
    told = http.get(f"/ossia/responses/{answer['id']}/harmony").json()
    num = len(prompt["tokens"])
    assert told["tokens"][:num] == prompt["tokens"]
    output = told["tokens"][num:]
    assert {token["from"] for token in output} == {"output"}
    assert len(output) == answer["usage"]["output_tokens"]
    assert output[-1] == output[-1] | {"text": "<|return|>", "is_special": True}
    parser = Parser(vocabulary(hub.resolve("nano")))
    for token in output:
        parser.feed(token["id"])
    parser.finish()
    texts = [item["content"][0]["text"] for item in answer["output"]]
    assert [message.text for message in parser.messages] == texts


def test_what_is_not_kept_is_said(http: httpx.Client) -> None:
    answer = http.post("/v1/responses", json=QUESTION | {"store": False}).json()
    for response_id in (answer["id"], "resp_nobody"):
        missing = http.get(f"/ossia/responses/{response_id}/harmony")
        assert missing.status_code == 404
        assert missing.json()["error"]["code"] == "not_found"
    assert http.post("/ossia/harmony", json={"model": "nano"}).status_code == 400
    assert http.post("/ossia/harmony", json=QUESTION | {"model": "nobody"}).status_code == 404


def test_repairs_stand_where_they_were_made() -> None:
    tokenizer = vocabulary(hub.resolve("nano"))
    output = [tokenizer.special("<|message|>"), *tokenizer.encode("so")]
    raw = {"prompt_ids": [1, 2], "output_ids": output, "repairs": [[1, "missing_channel"]]}
    told = raw_shown(raw, hub.resolve("nano"))
    assert told["repairs"] == [{"kind": "missing_channel", "detail": "<|message|>", "index": 2}]
    assert told["tokens"][2]["text"] == "<|message|>"


def test_what_is_no_token_has_no_text() -> None:
    tokenizer = vocabulary(hub.resolve("nano"))
    rows = open_checkpoint(hub.resolve("nano")).config["vocab_size"]
    for token_id in (-1, rows, 10**9):
        (token,) = shown([token_id], tokenizer, "output")
        assert token["text"] == ""
        assert not token["is_special"]
    for token_id in range(tokenizer.vocabulary_size):  # all others have some
        (token,) = shown([token_id], tokenizer, "output")
        assert token["text"]
