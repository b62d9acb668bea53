"""A Completions request to requests of the engine. Pure: it knows a vocabulary and no model.

A prompt is all that the model reads, so a control token that a text names is that token: whoever
writes ``<|start|>user<|message|>`` means it. (In chats nobody can write one.)
"""

import re
import secrets
from dataclasses import dataclass, replace
from typing import Any

from ossia.chat import Settings
from ossia.engine import Request
from ossia.harmony import stop_token_ids
from ossia.harmony.special import END_OF_TEXT, START
from ossia.server.completions.schema import MAX_PROMPTS, CompletionRequest
from ossia.server.validation import wrong
from ossia.tokenizer import Tokenizer

DEFAULT_MAX_TOKENS = 16
"""Tokens that are made where the request does not say how many (OpenAI's API)."""

_CONTROL = re.compile(r"(<\|\w+\|>)")


@dataclass(frozen=True)
class Continuation:
    """One text to go on with.

    Attributes:
        stop: strings that end it.
        is_echoed: the prompt is part of what is given back.
        is_prompt_only: nothing else is; the engine makes one token that nobody is told.
    """

    request: Request
    stop: tuple[str, ...]
    is_echoed: bool
    is_prompt_only: bool


def translate(
    request: CompletionRequest, tokenizer: Tokenizer, client: str = ""
) -> tuple[Continuation, ...]:
    """All continuations that are asked for: ``n`` of each prompt, in order.

    Raises:
        RequestError: a field asks for what cannot be given.
        InputError: the same, found by a room below.
    """
    _refuse_unknown(request)
    max_tokens = DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens
    echo = bool(request.echo)
    if max_tokens == 0 and not echo:
        raise wrong("max_tokens", "0 leaves nothing to say without echo; expected at least 1")
    settings = request.settings(Settings(), max(max_tokens, 1), request.logprobs)
    terms = request.terms(client)
    seed = secrets.randbits(32) if settings.seed is None else settings.seed
    asked = Request(
        prompt_ids=(0,),
        sampling=settings.sampling(seed),
        stop_ids=stop_token_ids(tokenizer),
        max_tokens=settings.max_tokens,
        boundary_ids=frozenset([tokenizer.special(START)]),
        client=terms.client,
        num_logprobs=settings.num_logprobs,
        score_prompt=echo and request.logprobs is not None,
    )
    return tuple(
        Continuation(
            replace(
                asked,
                prompt_ids=prompt,
                sampling=replace(asked.sampling, seed=(seed + number) % 2**64),
            ),
            request.stops,
            is_echoed=echo,
            is_prompt_only=max_tokens == 0,
        )
        for prompt in _prompts(request.prompt, tokenizer)
        for number in range(request.n or 1)
    )


def _refuse_unknown(request: CompletionRequest) -> None:
    if request.suffix:
        raise wrong("suffix", "gpt-oss continues texts and fills no gaps", "unsupported_parameter")
    if (request.best_of or 1) > (request.n or 1):
        what = f"{request.best_of} is more than n; every continuation that is made is given back"
        raise wrong("best_of", what, "unsupported_parameter")


def _prompts(prompt: Any, tokenizer: Tokenizer) -> list[tuple[int, ...]]:
    """The ids of every prompt."""
    if isinstance(prompt, list) and len(prompt) > MAX_PROMPTS and not _is_ids(prompt):
        raise wrong("prompt", f"{len(prompt)} prompts; expected at most {MAX_PROMPTS}")
    match prompt:
        case None | str():
            return [_ids(prompt or "", tokenizer)]
        case [str(), *_] if all(isinstance(text, str) for text in prompt):
            return [_ids(text, tokenizer) for text in prompt]
        case [int(), *_] if _is_ids(prompt):
            return [tuple(prompt)]
        case [list(), *_] if all(_is_ids(ids) for ids in prompt):
            return [tuple(ids) for ids in prompt]
    raise wrong("prompt", "expected a text, a list of texts, token ids, or a list of their lists")


def _is_ids(ids: Any) -> bool:
    is_list = isinstance(ids, list) and bool(ids)
    return is_list and all(type(token_id) is int and token_id >= 0 for token_id in ids)


def _ids(text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """The ids of a text; one without any begins a document, as ``<|endoftext|>`` does."""
    ids: list[int] = []
    for part in _CONTROL.split(text):
        token_id = tokenizer.specials.get(part)
        ids += tokenizer.encode(part) if token_id is None else [token_id]
    return tuple(ids) or (tokenizer.special(END_OF_TEXT),)
