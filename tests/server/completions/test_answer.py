"""The engine's tokens as Completions' objects, with nano's real ones among them."""

from collections.abc import Iterable
from typing import Any

import pytest

from ossia.base.errors import OssiaError
from ossia.engine import End, Finish, Logprobs, Output, Prefill, Request, Token
from ossia.server.completions.answer import Choice, usage_of
from ossia.server.completions.translate import Continuation
from ossia.tokenizer import Tokenizer, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(harmony_json) -> Tokenizer:
    return load_tokenizer(json=harmony_json)


def asked(
    tokenizer: Tokenizer,
    prompt: str = "is",
    stop: tuple[str, ...] = (),
    echo: bool = False,
    logprobs: int | None = None,
    is_prompt_only: bool = False,
) -> Continuation:
    request = Request(
        tuple(tokenizer.encode(prompt)),
        stop_ids=frozenset([tokenizer.special("<|return|>")]),
        num_logprobs=logprobs,
        score_prompt=echo and logprobs is not None,
    )
    return Continuation(request, stop, echo, is_prompt_only)


def tokens(tokenizer: Tokenizer, *texts: str, logprob: float | None = None) -> list[Token]:
    scores = None if logprob is None else Logprobs(logprob, ((0, -0.5),))
    ids = [
        token_id
        for text in texts
        for token_id in (
            [tokenizer.special(text)] if text in tokenizer.specials else tokenizer.encode(text)
        )
    ]
    return [Token(token_id, scores) for token_id in ids]


def whole(tokenizer: Tokenizer, wanted: Continuation, outputs: Iterable[Output]) -> dict[str, Any]:
    """The choice as one object, which its pieces say too."""
    outputs = list(outputs)
    one, streamed = Choice(0, wanted, tokenizer), Choice(0, wanted, tokenizer)
    pieces = streamed.pieces()
    for output in outputs:
        one.take(output)
        streamed.take(output)
        pieces += streamed.pieces()
        if streamed.is_over:
            break
    assert streamed.pieces() == []  # the end is told once
    made = one.whole()
    assert "".join(piece["text"] for piece in pieces) == made["text"]
    assert [piece["finish_reason"] for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert pieces[-1]["finish_reason"] == made["finish_reason"]
    if made["logprobs"]:
        for name, values in made["logprobs"].items():
            assert [v for p in pieces for v in p["logprobs"][name]] == values
    return made


def test_text_until_the_stop_token(tokenizer) -> None:
    outputs = [Prefill(1, 2), *tokens(tokenizer, "banana", "<|return|>")]
    made = whole(tokenizer, asked(tokenizer), outputs)
    assert made == {"index": 0, "text": "banana", "logprobs": None, "finish_reason": "stop"}


def test_the_stop_token_has_its_place_among_the_tokens(tokenizer) -> None:
    outputs = tokens(tokenizer, "ss", "<|return|>", logprob=-1.0)
    made = whole(tokenizer, asked(tokenizer, logprobs=1), outputs)
    assert made["logprobs"]["tokens"] == ["ss", "<|return|>"]
    assert made["logprobs"]["text_offset"] == [0, 2]
    assert made["logprobs"]["token_logprobs"] == [-1.0, -1.0]
    first = tokenizer.token_bytes(0).decode()
    assert made["logprobs"]["top_logprobs"][0] == {first: -0.5, "ss": -1.0}


def test_the_prompt_given_back_has_scores_but_for_its_first_token(tokenizer) -> None:
    prompt = tokens(tokenizer, "banana", logprob=-2.0)
    prompt[0] = Token(prompt[0].token_id)
    made = tokens(tokenizer, "ss", logprob=-1.0)
    outputs = [*prompt, *made, End(Finish.LENGTH)]
    wanted = asked(tokenizer, "banana", echo=True, logprobs=1)
    choice = whole(tokenizer, wanted, outputs)
    assert choice["text"] == "bananass"
    assert choice["finish_reason"] == "length"
    told = choice["logprobs"]
    assert "".join(told["tokens"]) == "bananass"
    assert told["token_logprobs"][0] is None is told["top_logprobs"][0]
    assert told["token_logprobs"][1:] == [-2.0] * (len(prompt) - 1) + [-1.0]
    assert [choice["text"][at:].startswith(name) for at, name in _places(told)] == [True] * len(
        told["tokens"]
    )


def _places(told: dict[str, Any]) -> list[tuple[int, str]]:
    return list(zip(told["text_offset"], told["tokens"], strict=True))


def test_the_prompt_alone(tokenizer) -> None:
    wanted = asked(tokenizer, "banana", echo=True, is_prompt_only=True)
    made = whole(tokenizer, wanted, [*tokens(tokenizer, "ss"), End(Finish.LENGTH)])
    assert (made["text"], made["finish_reason"]) == ("banana", "length")


def test_stop_strings_are_looked_for_in_what_is_made(tokenizer) -> None:
    wanted = asked(tokenizer, "END", ("END",), echo=True, logprobs=0)
    prompt = tokens(tokenizer, "END", logprob=-2.0)
    made = whole(tokenizer, wanted, [*prompt, *tokens(tokenizer, "xEENDy", logprob=-1.0)])
    assert (made["text"], made["finish_reason"]) == ("ENDxE", "stop")
    assert made["logprobs"]["tokens"] == ["E", "N", "D", "x", "E"]


def test_halves_of_a_character_are_bytes(tokenizer) -> None:
    outputs = [*tokens(tokenizer, "é", logprob=float("-inf")), End(Finish.LENGTH)]
    made = whole(tokenizer, asked(tokenizer, logprobs=0), outputs)
    assert made["text"] == "é"
    assert made["logprobs"]["tokens"] == [r"bytes:\xc3", r"bytes:\xa9"]
    assert made["logprobs"]["token_logprobs"] == [-9999.0, -9999.0]
    assert made["logprobs"]["text_offset"] == [0, 0]
    cut = whole(tokenizer, asked(tokenizer, logprobs=0), [outputs[0], End(Finish.LENGTH)])
    assert (cut["text"], cut["logprobs"]["tokens"]) == ("�", [r"bytes:\xc3"])


def test_control_tokens_are_shown_and_text_that_waits_is_not_lost(tokenizer) -> None:
    outputs = [*tokens(tokenizer, "a", "<|channel|>", "EN"), End(Finish.LENGTH)]
    made = whole(tokenizer, asked(tokenizer, stop=("END",)), outputs)
    assert made["text"] == "a<|channel|>EN"


def test_a_failure_is_raised(tokenizer) -> None:
    choice = Choice(0, asked(tokenizer), tokenizer)
    with pytest.raises(OssiaError, match="broken"):
        choice.take(End(Finish.FAILED, error=OssiaError("broken")))


def test_prompts_count_once(tokenizer) -> None:
    choices = [Choice(i, asked(tokenizer, "banana"), tokenizer) for i in range(4)]
    for choice in choices:
        for token in tokens(tokenizer, "ss"):
            choice.take(token)
    used = usage_of(choices, 2)
    assert used["prompt_tokens"] == 2 * len(tokenizer.encode("banana"))
    assert used["completion_tokens"] == 4
