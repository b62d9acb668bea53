"""Requests of Completions as requests of the engine."""

from typing import Any

import pytest

from ossia.server.completions.schema import CompletionRequest
from ossia.server.completions.translate import translate
from ossia.server.errors import RequestError
from ossia.server.validation import validated
from ossia.tokenizer import Tokenizer, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(harmony_json) -> Tokenizer:
    return load_tokenizer(json=harmony_json)


def read(tokenizer: Tokenizer, **fields: Any):
    request = validated(CompletionRequest, {"model": "nano", "prompt": "banana"} | fields)
    return translate(request, tokenizer, "key")


def prompts(tokenizer: Tokenizer, prompt: Any) -> list[tuple[int, ...]]:
    return [asked.request.prompt_ids for asked in read(tokenizer, prompt=prompt)]


def test_prompts_are_texts_or_ids_one_or_many(tokenizer) -> None:
    banana = tuple(tokenizer.encode("banana"))
    assert prompts(tokenizer, "banana") == [banana]
    assert prompts(tokenizer, ["banana", "is"]) == [banana, tuple(tokenizer.encode("is"))]
    assert prompts(tokenizer, [1, 2]) == [(1, 2)]
    assert prompts(tokenizer, [[1, 2], [3]]) == [(1, 2), (3,)]


def test_control_tokens_may_be_named(tokenizer) -> None:
    start, message = tokenizer.special("<|start|>"), tokenizer.special("<|message|>")
    text = "<|start|>is<|message|>a<|nothing|>"
    assert prompts(tokenizer, text) == [
        (start, *tokenizer.encode("is"), message, *tokenizer.encode("a<|nothing|>"))
    ]


def test_nothing_is_the_beginning_of_a_document(tokenizer) -> None:
    end_of_text = tokenizer.special("<|endoftext|>")
    assert prompts(tokenizer, "") == prompts(tokenizer, None) == [(end_of_text,)]


def test_each_continuation_has_a_seed_of_its_own(tokenizer) -> None:
    asked = read(tokenizer, prompt=["a", "b"], n=2, seed=2**64 - 1)
    seeds = [one.request.sampling.seed for one in asked]
    assert seeds == [2**64 - 1, 0, 2**64 - 1, 0]
    assert len({one.request.prompt_ids for one in asked}) == 2


def test_what_an_evaluation_harness_sends(tokenizer) -> None:
    """The fields of lm-evaluation-harness's ``local-completions`` for a log likelihood."""
    [asked] = read(
        tokenizer, prompt=[[1, 2, 3]], temperature=0, max_tokens=1, logprobs=1, seed=1234, echo=True
    )
    request = asked.request
    assert (request.num_logprobs, request.score_prompt, request.max_tokens) == (1, True, 1)
    assert request.client == "key"
    assert (asked.is_echoed, asked.is_prompt_only) == (True, False)


def test_no_token_may_be_made_only_with_the_prompt_given_back(tokenizer) -> None:
    [asked] = read(tokenizer, max_tokens=0, echo=True)
    assert asked.is_prompt_only
    assert asked.request.max_tokens == 1
    with pytest.raises(RequestError, match="max_tokens: 0 leaves nothing"):
        read(tokenizer, max_tokens=0)


def test_defaults_are_those_of_the_api(tokenizer) -> None:
    [asked] = read(tokenizer, stop="x")
    assert (asked.request.max_tokens, asked.request.num_logprobs) == (16, None)
    assert not asked.request.score_prompt
    assert asked.stop == ("x",)
    assert tokenizer.special("<|return|>") in asked.request.stop_ids


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"suffix": "b"}, "suffix"),
        ({"best_of": 2}, "best_of"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [1, "a"]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": ["a"] * 3000}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(tokenizer, fields, param) -> None:
    with pytest.raises(RequestError) as caught:
        read(tokenizer, **fields)
    assert (caught.value.status, caught.value.param) == (400, param)
