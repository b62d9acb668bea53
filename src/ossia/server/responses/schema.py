"""What a request to Responses or Conversations may say: types and ranges, and no meaning.

Source: OpenAI's API reference, ``/v1/responses`` and ``/v1/conversations``. Items are taken as they
come, for clients send more kinds than are known here; ``items`` reads them. Fields that are not
named are left; one that is null counts as left out.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from ossia.server.sampling import Part

MAX_TOP_LOGPROBS = 20
MAX_ITEMS = 20
"""That one request may add to a conversation, as in OpenAI's."""

Item = dict[str, Any]
Id = Annotated[str, Field(min_length=1, max_length=128)]
Metadata = Annotated[
    dict[
        Annotated[str, Field(max_length=64)],
        Annotated[str, Field(max_length=512)],
    ],
    Field(max_length=16),
]


class Reasoning(Part):
    """How the model reasons, and what is shown of it."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None

    @property
    def has_summary(self) -> bool:
        """Whether the client reads summaries."""
        return bool(self.summary or self.generate_summary)


class Format(Part):
    """The form of the answer's text."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = Field(None, min_length=1, max_length=256)
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None


class Text(Part):
    """How the answer's text is to be."""

    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ConversationName(Part):
    """A conversation as an object."""

    id: Id


class PromptRequest(Part):
    """All that decides what the model reads."""

    input: str | list[Item] | None = None
    instructions: str | None = None
    previous_response_id: Id | None = None
    conversation: Id | ConversationName | None = None
    tools: list[Item] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    text: Text | None = None
    truncation: Literal["auto", "disabled"] | None = None

    @property
    def conversation_id(self) -> str | None:
        """The conversation, in whichever form it was named."""
        named = self.conversation
        return named.id if isinstance(named, ConversationName) else named


class CountRequest(PromptRequest):
    """The body of ``POST /v1/responses/input_tokens``."""

    model: str = Field(min_length=1)


class ResponseRequest(PromptRequest):
    """The body of ``POST /v1/responses``."""

    model: str = Field(min_length=1)
    stream: bool | None = None
    background: bool | None = None
    store: bool | None = None
    include: list[str] | None = None
    max_output_tokens: int | None = Field(None, ge=1)
    max_tool_calls: int | None = Field(None, ge=1)
    metadata: Metadata | None = None
    prompt: Any = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
    seed: int | None = Field(None, ge=-(2**63), lt=2**64)
    prompt_cache_key: str | None = Field(None, max_length=1024)
    prompt_cache_retention: Literal["in_memory", "in-memory", "24h"] | None = None
    safety_identifier: str | None = Field(None, max_length=512)
    service_tier: str | None = None
    user: str | None = Field(None, max_length=512)

    @property
    def is_stored(self) -> bool:
        """Whether the response can be asked for later."""
        return self.store is not False

    def includes(self, what: str) -> bool:
        """Whether the client asked for an extra."""
        return what in (self.include or ())


class ConversationRequest(Part):
    """The body of ``POST /v1/conversations``."""

    items: list[Item] | None = Field(None, max_length=MAX_ITEMS)
    metadata: Metadata | None = None


class ConversationUpdate(Part):
    """The body of ``POST /v1/conversations/ID``."""

    metadata: Metadata | None


class ItemsRequest(Part):
    """The body of ``POST /v1/conversations/ID/items``."""

    items: list[Item] = Field(min_length=1, max_length=MAX_ITEMS)


class PageQuery(Part):
    """Which part of a list is asked for."""

    limit: int = Field(20, ge=1, le=100, strict=False)
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None


class SearchQuery(Part):
    """What is looked for in all that was said."""

    query: str = Field(min_length=1, max_length=1000)
    limit: int = Field(20, ge=1, le=100, strict=False)


class ReplayQuery(Part):
    """How a response is asked for again."""

    stream: bool = Field(default=False, strict=False)
    starting_after: int | None = Field(None, ge=0, strict=False)
