"""What a Completions request may say: types and ranges, and no meaning.

Source: OpenAI's API reference, ``POST /v1/completions``, the interface of evaluation harnesses.
"""

from typing import Any

from pydantic import Field

from ossia.server.sampling import SamplingFields

MAX_LOGPROBS = 20
MAX_PROMPTS = 2048


class CompletionRequest(SamplingFields):
    """The body of ``POST /v1/completions``."""

    prompt: Any = None
    max_tokens: int | None = Field(None, ge=0)
    echo: bool | None = None
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    suffix: str | None = None
    best_of: int | None = Field(None, ge=1)
