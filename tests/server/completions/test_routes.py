"""OpenAI's package, and an evaluation harness's requests, against a server process."""

import math
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from openai.types import Completion

from ossia.chat import ChatModel
from ossia.engine import Request, Sampling
from ossia.harmony import System, User, render


@pytest.fixture(scope="module")
def nano():
    with ChatModel.load("nano", context=1024) as model:
        yield model


@pytest.fixture(scope="module")
def client(address):
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def prompt(nano) -> str:
    """A whole conversation as text, with its control tokens by name."""
    return nano.tokenizer.decode(render((System(), User("What is 27 + 58?")), nano.tokenizer))


@pytest.fixture(scope="module")
def ask(client, prompt) -> Callable[..., Any]:
    def create(**fields: Any) -> Any:
        usual = {"model": "nano", "prompt": prompt, "seed": 1, "max_tokens": 100}
        return client.completions.create(**usual | fields)

    return create


def test_a_text_goes_on(ask, prompt, nano) -> None:
    answer = ask(temperature=0)
    ids = render((System(), User("What is 27 + 58?")), nano.tokenizer)
    assert answer.usage.prompt_tokens == len(ids)
    Completion.model_validate(answer.to_dict(), strict=True)
    [choice] = answer.choices
    assert choice.text.startswith("<|channel|>analysis<|message|>")
    assert choice.text.endswith("85")
    assert choice.finish_reason == "stop"
    assert answer.usage.completion_tokens > 10
    head, _, tail = choice.text.partition("<|start|>")
    again = ask(prompt=f"{prompt}{head}<|start|>", temperature=0)
    assert again.choices[0].text == tail


def test_a_stream_says_the_same(ask) -> None:
    whole = ask(n=2, logprobs=2, echo=True)
    with ask(
        n=2, logprobs=2, echo=True, stream=True, stream_options={"include_usage": True}
    ) as sent:
        chunks = list(sent)
    for chunk in chunks:
        document = chunk.to_dict()
        for choice in document["choices"]:  # of unfinished pieces the package's own type is wrong
            choice["finish_reason"] = choice["finish_reason"] or "stop"
            choice["logprobs"] = None
        Completion.model_validate(document, strict=True)
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    for choice in whole.choices:
        pieces = [c for chunk in chunks for c in chunk.choices if c.index == choice.index]
        assert "".join(piece.text for piece in pieces) == choice.text
        assert [t for p in pieces for t in p.logprobs.tokens] == choice.logprobs.tokens
        assert [p.finish_reason for p in pieces].count(choice.finish_reason) == 1


def test_ids_and_many_prompts(ask, nano) -> None:
    ids = [nano.tokenizer.special("<|start|>"), *nano.tokenizer.encode("user")]
    answer = ask(prompt=[ids, ids], n=2, max_tokens=5)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [c.text for c in answer.choices[:2]] == [c.text for c in answer.choices[2:]]
    assert answer.usage.prompt_tokens == 2 * len(ids)


def test_stop_and_length(ask) -> None:
    whole = ask(temperature=0).choices[0].text
    cut = ask(temperature=0, stop=["ones"]).choices[0]
    assert (cut.text, cut.finish_reason) == (whole[: whole.index("ones")], "stop")
    assert ask(max_tokens=2).choices[0].finish_reason == "length"


def test_what_lm_evaluation_harness_asks_for(address, nano) -> None:
    """Log likelihoods of continuations, read as its ``local-completions`` reads them.

    It sends ids of context and continuation, and takes ``[context:-1]`` of the tokens that come
    back. The oracle is the engine itself, run step by step with each next token forced.
    """
    encode = nano.tokenizer.encode
    contexts = [encode("27 + 58 ="), encode("The answer is")]
    endings = [encode(" 85"), encode(" a longer one")]
    asked = {"model": "nano", "temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234}
    prompts = [context + ending for context, ending in zip(contexts, endings, strict=True)]
    body = asked | {"prompt": prompts, "echo": True}
    response = httpx.post(f"{address}/v1/completions", json=body, timeout=60).json()
    choices = sorted(response["choices"], key=itemgetter("index"))
    for choice, context, ending in zip(choices, contexts, endings, strict=True):
        told = choice["logprobs"]
        assert told["token_logprobs"][0] is None is told["top_logprobs"][0]
        scores = told["token_logprobs"][len(context) : -1]
        assert len(scores) == len(ending)
        tops = told["top_logprobs"][len(context) : -1]
        for number, (score, top, token_id) in enumerate(zip(scores, tops, ending, strict=True)):
            expected, likeliest = _score(nano, context + ending[:number], token_id)
            assert math.isclose(score, expected, abs_tol=1e-5)
            assert (score == max(top.values())) == (token_id == likeliest)  # its "is greedy"


def _score(model: ChatModel, prompt: list[int], token_id: int) -> tuple[float, int]:
    """What one step of the model gives a token, and which one it finds the likeliest."""
    request = Request(
        tuple(prompt),
        Sampling(temperature=0, logit_bias=((token_id, 100.0),)),
        max_tokens=1,
        num_logprobs=1,
    )
    token = next(output for output in model.service.stream(request) if hasattr(output, "token_id"))
    assert token.token_id == token_id
    return token.logprobs.logprob, int(np.int64(token.logprobs.top[0][0]))


def test_the_prompt_alone_is_scored(ask, nano) -> None:
    answer = ask(prompt="The answer is 85", max_tokens=0, echo=True, logprobs=0)
    [choice] = answer.choices
    assert choice.text == "The answer is 85"
    assert choice.logprobs.tokens == [
        nano.tokenizer.decode([token_id]) for token_id in nano.tokenizer.encode(choice.text)
    ]
    starts = [choice.text[at:] for at in choice.logprobs.text_offset]
    assert all(s.startswith(t) for s, t in zip(starts, choice.logprobs.tokens, strict=True))


def test_errors_are_the_packages_exceptions(ask) -> None:
    with pytest.raises(openai.NotFoundError):
        ask(model="davinci-17")
    with pytest.raises(openai.BadRequestError) as caught:
        ask(prompt="word " * 150_000, stream=True)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "prompt")
