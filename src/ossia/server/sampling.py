"""What both of OpenAI's older endpoints say alike: how tokens are chosen, how likely they were.

Source: OpenAI's API reference, with what clients of other servers send beside it (vLLM's ``top_k``,
``min_p`` and ``repetition_penalty``). A field that is null counts as left out; fields that are not
named are left.
"""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ossia.chat import Settings, Terms
from ossia.server.validation import wrong

MAX_CHOICES = 128
MAX_STOPS = 64

Stop = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """Every object of a request: strict about types, open for fields of other servers."""

    model_config = ConfigDict(strict=True, extra="ignore")


class StreamOptions(Part):
    """What a stream has beside the answer."""

    include_usage: bool | None = None


class SamplingFields(Part):
    """The fields that a request has beside what it is about."""

    model: str = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, ge=1, le=MAX_CHOICES)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    min_p: float | None = Field(None, ge=0, le=1)
    repetition_penalty: float | None = Field(None, gt=0, allow_inf_nan=False)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: dict[str, float] | None = None
    seed: int | None = Field(None, ge=-(2**63), lt=2**64)
    stop: Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)] | None = None
    user: str | None = None
    safety_identifier: str | None = None

    @property
    def has_usage(self) -> bool:
        """Whether a stream ends with the tokens that were used."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings that end the answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    def settings(
        self, usual: Settings, max_tokens: int | None, num_logprobs: int | None
    ) -> Settings:
        """How tokens are chosen: as is usual, but for what the request says.

        Raises:
            RequestError: a bias is none.
        """
        given = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": 0 if self.top_k == -1 else self.top_k,  # vLLM's word for off
            "min_p": self.min_p,
            "seed": None if self.seed is None else self.seed % 2**64,
            "max_tokens": max_tokens,
            "repetition_penalty": self.repetition_penalty,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
            "logit_bias": _biases(self.logit_bias) if self.logit_bias else None,
            "num_logprobs": num_logprobs,
        }
        chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return replace(usual, **chosen)

    def terms(self, client: str) -> Terms:
        """Whose request it is: the client that the server knows, and its user that it tells."""
        told = self.safety_identifier or self.user
        return Terms(client="/".join(filter(None, (client, told))))


def sayable(logprob: float) -> float:
    """A log probability that JSON can say: -9999 stands for that of zero (OpenAI's API)."""
    return max(logprob, -9999.0)


def _biases(told: dict[str, float]) -> tuple[tuple[int, float], ...]:
    for token_id, bias in told.items():
        if not (token_id.isascii() and token_id.isdigit()) or not -100 <= bias <= 100:
            raise wrong(
                "logit_bias",
                "expected token ids with numbers between -100 and 100; "
                f"found {token_id!r:.40} with {bias}",
            )
    return tuple((int(token_id), bias) for token_id, bias in told.items())
