"""Requests as Ollama's interface has them.

Knows shapes; does not know what they mean. Fields and options that mean nothing here are let
through unread, as Ollama does, and so is every null.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator

KeepAlive = int | float | str
"""Seconds, or a duration such as ``5m``; less than 0 is for ever."""


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class Function(_Shape):
    """Whom a call was to, and with what."""

    name: str = Field(min_length=1)
    arguments: dict[str, Any] | None = None


class ToolCall(_Shape):
    """A call that the assistant made."""

    function: Function
    id: str | None = None


class Message(_Shape):
    """Something that was said."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[Any] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    name: str | None = None
    tool_call_id: str | None = None


class FunctionSpec(_Shape):
    """A function that is offered."""

    name: str = Field(min_length=1)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: StrictBool | None = None


class ToolSpec(_Shape):
    """A tool that the model may call."""

    type: Literal["function"] = "function"
    function: FunctionSpec


class NamedFunction(_Shape):
    """A function by its name."""

    name: str = Field(min_length=1)


class NamedTool(_Shape):
    """The choice of one tool."""

    type: Literal["function"]
    function: NamedFunction


class Options(BaseModel):
    """What can be set beside the words; whole numbers may be written as 40.0."""

    model_config = ConfigDict(frozen=True)

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    num_predict: int | None = None
    stop: list[str] | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class _AnswerRequest(_Shape):
    """What chat and generate have in common."""

    model: str = Field(min_length=1)
    stream: StrictBool | None = None
    think: StrictBool | Literal["low", "medium", "high", "max"] | None = None
    format: Literal["", "json"] | dict[str, Any] | None = None
    options: Options | None = None
    keep_alive: KeepAlive | None = None
    logprobs: StrictBool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)


class ChatRequest(_AnswerRequest):
    """``/api/chat``. The choice of a tool is an addition of ours, written as OpenAI's."""

    messages: list[Message] | None = None
    tools: list[ToolSpec] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None


class GenerateRequest(_AnswerRequest):
    """``/api/generate``."""

    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: StrictBool | None = None
    images: list[Any] | None = None


class NamedRequest(_Shape):
    """A request about a model; older clients say ``name``."""

    model: str | None = None
    name: str | None = None
    stream: StrictBool | None = None
    verbose: StrictBool | None = None

    @property
    def asked(self) -> str:
        """The model's name, empty where there is none."""
        return self.model or self.name or ""


class CopyRequest(_Shape):
    """``/api/copy``."""

    source: str = Field(min_length=1)
    destination: str = Field(min_length=1)


class CreateRequest(NamedRequest):
    """``/api/create``: a model with instructions and options of its own."""

    from_: str | None = Field(None, alias="from")
    system: str | None = None
    parameters: dict[str, Any] | None = None
    files: dict[str, str] | None = None
    adapters: dict[str, str] | None = None
    template: str | None = None
    messages: list[Any] | None = None
    quantize: str | None = None
    modelfile: str | None = None
