"""What a Chat Completions request may say: types and ranges, and no meaning.

Source: OpenAI's API reference, ``POST /v1/chat/completions``; reasoning comes under the three names
that clients use. Fields that are not named are left; one that is null counts as left out.
"""

from typing import Any, Literal

from pydantic import Field

from ossia.server.sampling import Part, SamplingFields

MAX_TOP_LOGPROBS = 20


class Function(Part):
    """A function of one call; arguments are JSON text, or an object from careless clients."""

    name: str = Field(min_length=1)
    arguments: str | dict[str, Any] | None = None


class Call(Part):
    """A call that the assistant made."""

    id: str = Field(min_length=1)
    function: Function | None = None
    custom: dict[str, Any] | None = None


class Message(Part):
    """One message of any role; which fields count is the role's affair."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Any = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    function_call: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    thinking: Any = None
    refusal: str | None = None


class FunctionTool(Part):
    """A function that is offered."""

    name: str = Field(min_length=1, max_length=256)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Part):
    """A tool of any type; a function where it is one."""

    type: str
    function: FunctionTool | None = None


class JsonSchema(Part):
    """The form of an answer."""

    name: str = Field(min_length=1, max_length=256)
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")


class ResponseFormat(Part):
    """How free the answer's form is."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatCompletionRequest(SamplingFields):
    """The body of ``POST /v1/chat/completions``."""

    messages: list[Message] = Field(min_length=1)
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = (
        None
    )
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    tools: list[Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    web_search_options: dict[str, Any] | None = None
    response_format: ResponseFormat | None = None
    modalities: list[str] | None = None
    functions: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
