"""A request for a message, as Anthropic's Messages API has it.

Knows shapes; does not know what they mean. Fields that mean nothing here are let through unread.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class TextBlock(_Shape):
    """Text."""

    type: Literal["text"]
    text: str


class ImageBlock(_Shape):
    """An image; known, so that it can be refused in words."""

    type: Literal["image"]


class DocumentBlock(_Shape):
    """A document, whose source may be plain text."""

    type: Literal["document"]
    source: dict[str, Any]
    title: str | None = None


class SearchResultBlock(_Shape):
    """What a search of the client's found."""

    type: Literal["search_result"]
    source: str
    title: str
    content: list[TextBlock]


class ThinkingBlock(_Shape):
    """Reasoning of an earlier answer."""

    type: Literal["thinking"]
    thinking: str
    signature: str = ""


class RedactedThinkingBlock(_Shape):
    """Reasoning that only whoever made it can read."""

    type: Literal["redacted_thinking"]
    data: str


class ToolUseBlock(_Shape):
    """A call of a tool."""

    type: Literal["tool_use"]
    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    input: dict[str, Any]


Shown = Annotated[
    TextBlock | ImageBlock | DocumentBlock | SearchResultBlock, Field(discriminator="type")
]
"""What a user or a tool may show to the model."""


class ToolResultBlock(_Shape):
    """What a tool gave back."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[Shown] | None = None
    is_error: bool | None = None


Block = Annotated[
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock,
    Field(discriminator="type"),
]


class Message(_Shape):
    """One turn."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class ToolSpec(_Shape):
    """A tool that the model may call, or with another ``type`` one of Anthropic's own."""

    name: str = Field(min_length=1)
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class ToolChoice(_Shape):
    """Whether, or which, tool is called. There is never more than one call in an answer."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(_Shape):
    """Whether the model reasons, how long, and whether that is shown."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = Field(None, ge=1)
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(_Shape):
    """The JSON Schema of the answer."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)

    type: Literal["json_schema"]
    json_schema: dict[str, Any] = Field(alias="schema")


class OutputConfig(_Shape):
    """How much effort, and which form."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class Metadata(_Shape):
    """Whose request it is."""

    user_id: str | None = None


class CountRequest(_Shape):
    """What ``/v1/messages/count_tokens`` takes: a message's prompt."""

    model: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    system: str | list[TextBlock] | None = None
    tools: list[ToolSpec] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None


class MessageRequest(CountRequest):
    """What ``/v1/messages`` takes."""

    max_tokens: int = Field(ge=1)
    metadata: Metadata | None = None
    stop_sequences: list[str] | None = None
    stream: StrictBool | None = None
    temperature: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
