"""``raw`` of ``/api/generate``: the prompt is all that the model reads, and its words are given as
they are.

Knows the engine's tokens and Ollama's lines. What a raw prompt means, Completions know.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ossia.agent import Transcript
from ossia.base.errors import ConversationError
from ossia.engine import Output
from ossia.server.completions.answer import Choice
from ossia.server.completions.schema import CompletionRequest
from ossia.server.completions.translate import Continuation
from ossia.server.completions.translate import translate as translate_completion
from ossia.server.ollama import schema
from ossia.server.ollama.events import nanoseconds, now
from ossia.server.ollama.translate import settings_of
from ossia.tokenizer import Tokenizer

_Wire = dict[str, Any]


def translate_raw(
    request: schema.GenerateRequest, persona: Transcript, tokenizer: Tokenizer, client: str = ""
) -> Continuation:
    """The text to go on with.

    Raises:
        ConversationError: it asks for what goes with chats alone.
        InputError: a value is out of its range.
    """
    for name in ("suffix", "template", "images", "format", "context", "system"):
        if getattr(request, name):
            raise ConversationError(f"{name}: a raw prompt is all that the model reads")
    stop = request.options.stop if request.options is not None else None
    plain = CompletionRequest.model_validate(
        {"model": request.model, "prompt": request.prompt, "stop": stop or None}
    )
    (continuation,) = translate_completion(plain, tokenizer, client)
    settings = settings_of(request.options, persona.settings)
    seed = secrets.randbits(32) if settings.seed is None else settings.seed
    asked = replace(
        continuation.request, sampling=settings.sampling(seed), max_tokens=settings.max_tokens
    )
    return replace(continuation, request=asked)


class RawLines:
    """One continuation on its way out."""

    def __init__(
        self, model: str, asked: Continuation, tokenizer: Tokenizer, load_seconds: float = 0.0
    ) -> None:
        self._model = model
        self._choice = Choice(0, asked, tokenizer)
        self._load_seconds = load_seconds
        self._start = time.perf_counter()
        self._first: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether no more outputs are needed."""
        return self._choice.is_over

    def take(self, output: Output) -> Iterator[_Wire]:
        """The lines that one more output becomes.

        Raises:
            OssiaError: the engine failed.
        """
        self._choice.take(output)
        if self._choice.num_made and self._first is None:
            self._first = time.perf_counter()
        for piece in self._choice.pieces():
            if piece["text"]:
                yield self._line(piece["text"], done=False)
            if piece["finish_reason"] is not None:
                yield self._last(piece["finish_reason"])

    def _line(self, text: str, *, done: bool) -> _Wire:
        return {"model": self._model, "created_at": now(), "response": text, "done": done}

    def _last(self, reason: str) -> _Wire:
        end = time.perf_counter()
        first = end if self._first is None else self._first
        return self._line("", done=True) | {
            "done_reason": reason,
            "total_duration": nanoseconds(self._load_seconds + end - self._start),
            "load_duration": nanoseconds(self._load_seconds),
            "prompt_eval_count": self._choice.num_prompt,
            "prompt_eval_cached_count": self._choice.num_cached,
            "prompt_eval_duration": nanoseconds(first - self._start),
            "eval_count": self._choice.num_made,
            "eval_duration": nanoseconds(end - first),
        }
