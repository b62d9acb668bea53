"""From a request for a message to what the house is asked.

Knows Anthropic's words and harmony's; knows no HTTP and no model.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ossia.agent import Transcript
from ossia.base.errors import ConversationError
from ossia.chat import Demands, NamedTool, Settings, Terms, ToolChoice
from ossia.harmony import Effort, ResponseFormat, Tool, ToolNames
from ossia.server.anthropic import schema
from ossia.server.anthropic.signature import carried_thinking
from ossia.server.asked import Asked
from ossia.server.conversation import Conversation
from ossia.server.recall import Recall
from ossia.server.toolsets import left_out, tool_named

_EFFORTS = {"xhigh": Effort.HIGH, "max": Effort.HIGH}
"""Words for more effort than the model knows."""

_LOW_BUDGET, _MEDIUM_BUDGET = 4_096, 16_384
"""Below so many tokens of reasoning, how long the model is told to reason."""

_PARAGRAPH = "\n\n"


class Display(Enum):
    """What the client sees of the reasoning."""

    SHOWN = "shown"
    OMITTED = "omitted"  # a block without text, which stands for it in the next request
    HIDDEN = "hidden"  # nothing, because the client did not ask for thinking


@dataclass(frozen=True)
class Translation:
    """A request in the house's words.

    Attributes:
        names: of its tools, for the way back.
        warnings: what was left out of it.
    """

    asked: Asked
    names: ToolNames
    display: Display
    warnings: tuple[str, ...]


def translate(
    request: schema.CountRequest,
    today: str | None,
    persona: Transcript,
    recall: Recall,
    client: str = "",
    enabled: frozenset[str] = frozenset(),
) -> Translation:
    """What a request asks for.

    Args:
        enabled: names of the tools that run on this server.
        today: the date that the model is told.
        persona: what the model's name stands for, where the request says nothing else.
        recall: the reasoning that led to calls, of clients that do not send it back.
        client: whose request it is, where it does not say itself.

    Raises:
        ConversationError: the conversation cannot be expressed.
        InputError: a value is out of its range.
    """
    specs = [tool for tool in request.tools or () if tool.input_schema is not None]
    _check_unique(specs)
    names = ToolNames(tool.name for tool in specs)
    conversation = Conversation(names)
    if request.system is not None:
        conversation.instruct(_text(request.system, "system"))
    elif persona.instructions is not None and request.messages[0].role != "system":
        conversation.instruct(persona.instructions)
    for index, message in enumerate(request.messages):
        _tell(conversation, message, f"messages[{index}]", recall)
    if request.messages[-1].role == "assistant":
        raise ConversationError(
            "messages: the last is the assistant's, and an answer cannot be begun for the model; "
            "expected a user's"
        )
    messages = conversation.messages(
        _effort(request, persona.effort),
        today,
        tuple(Tool(names.wire(t.name), t.description or "", t.input_schema) for t in specs),
        _response_format(request),
    )
    asked = Asked(
        messages,
        _settings(request, persona.settings),
        _demands(request, names),
        _terms(request, client),
        _served(request, enabled),
    )
    warnings = tuple(_warnings(request, enabled))
    return Translation(asked, names, _display(request.thinking), warnings)


def _tell(conversation: Conversation, message: schema.Message, where: str, recall: Recall) -> None:
    """Adds one turn to a conversation, block by block."""
    if message.role == "system":
        conversation.instruct(_text(message.content, f"{where}.content"))
    elif isinstance(message.content, str):
        say = conversation.ask if message.role == "user" else conversation.answer
        say(message.content)
    elif message.role == "user":
        _ask(conversation, message.content, f"{where}.content")
    else:
        if (thought := _forgotten(message.content, recall)) is not None:
            conversation.think(thought)
        _answer(conversation, message.content, f"{where}.content")


def _forgotten(blocks: Sequence[schema.Block], recall: Recall) -> str | None:
    """The reasoning of a turn with calls whose client sends none back."""
    if any(isinstance(block, schema.ThinkingBlock) for block in blocks):
        return None
    found = (recall.find(block.id) for block in blocks if isinstance(block, schema.ToolUseBlock))
    return next(filter(None, found), None)


def _ask(conversation: Conversation, blocks: Sequence[schema.Block], where: str) -> None:
    texts: list[str] = []
    for index, block in enumerate(blocks):
        place = f"{where}[{index}]"
        if isinstance(block, schema.ToolResultBlock):
            if not conversation.has_call(block.tool_use_id):
                raise ConversationError(
                    f"{place}.tool_use_id: no tool_use before it has the id "
                    f"{block.tool_use_id!r:.60}"
                )
            shown = _text(block.content or "", f"{place}.content")
            conversation.result(block.tool_use_id, shown)
        elif isinstance(
            block,
            schema.ThinkingBlock | schema.RedactedThinkingBlock | schema.ToolUseBlock,
        ):
            raise ConversationError(f"{place}: {block.type} is the assistant's, not the user's")
        else:
            texts.append(_shown(block, place))
    if texts or not blocks:
        conversation.ask(_PARAGRAPH.join(texts))


def _answer(conversation: Conversation, blocks: Sequence[schema.Block], where: str) -> None:
    texts: list[str] = []

    def say() -> None:
        if texts:
            conversation.answer(_PARAGRAPH.join(texts))
            texts.clear()

    for index, block in enumerate(blocks):
        match block:
            case schema.TextBlock(text=text):
                texts.append(text)
            case schema.ThinkingBlock(thinking=thinking, signature=signature):
                say()
                if thought := thinking or carried_thinking(signature):
                    conversation.think(thought)
            case schema.RedactedThinkingBlock():
                pass  # another server's, which nobody here can read
            case schema.ToolUseBlock(id=call_id, name=name, input=arguments):
                say()
                written = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
                conversation.call(call_id, name, written)
            case _:
                raise ConversationError(
                    f"{where}[{index}]: {block.type} is the user's, not the assistant's"
                )
    say()


def _text(content: str | Sequence[schema.Block], where: str) -> str:
    if isinstance(content, str):
        return content
    parts = (_shown(block, f"{where}[{index}]") for index, block in enumerate(content))
    return _PARAGRAPH.join(parts)


def _shown(block: schema.Block, where: str) -> str:
    """The text of what is shown to the model.

    Raises:
        ConversationError: it has none.
    """
    match block:
        case schema.TextBlock(text=text):
            return text
        case schema.DocumentBlock(source={"type": "text", "data": str(text)}, title=title):
            return f"{title}{_PARAGRAPH}{text}" if title else text
        case schema.SearchResultBlock(source=source, title=title, content=content):
            return _PARAGRAPH.join([f"{title} ({source})", *(part.text for part in content)])
    raise ConversationError(
        f"{where}: {block.type} cannot be shown to a gpt-oss, which reads text only; expected text"
    )


def _effort(request: schema.CountRequest, usual: Effort) -> Effort:
    if request.output_config is not None and request.output_config.effort is not None:
        effort = request.output_config.effort
        return _EFFORTS.get(effort) or Effort(effort)
    match request.thinking:
        case schema.Thinking(type="enabled", budget_tokens=int(budget)):
            if budget < _LOW_BUDGET:
                return Effort.LOW
            return Effort.MEDIUM if budget < _MEDIUM_BUDGET else Effort.HIGH
        case schema.Thinking(type="disabled"):
            return Effort.LOW
    return usual


def _display(thinking: schema.Thinking | None) -> Display:
    if thinking is None or thinking.type == "disabled":
        return Display.HIDDEN
    return Display.OMITTED if thinking.display == "omitted" else Display.SHOWN


def _response_format(request: schema.CountRequest) -> ResponseFormat | None:
    config = request.output_config
    if config is None or config.format is None:
        return None
    return ResponseFormat("response", config.format.json_schema)


def _settings(request: schema.CountRequest, usual: Settings) -> Settings:
    if not isinstance(request, schema.MessageRequest):
        return usual
    names = ("max_tokens", "temperature", "top_k", "top_p")
    given = {name: getattr(request, name) for name in names}
    return replace(usual, **{name: value for name, value in given.items() if value is not None})


def _demands(request: schema.CountRequest, names: ToolNames) -> Demands:
    limit: int | None = None
    match request.thinking:
        case schema.Thinking(type="disabled"):
            limit = 0
        case schema.Thinking(type="enabled", budget_tokens=budget):
            if budget is None:
                raise ConversationError(
                    "thinking.budget_tokens: expected a number of tokens, because thinking is "
                    "enabled"
                )
            limit = budget
    strict = [tool for tool in request.tools or () if tool.strict and tool.input_schema]
    stops = request.stop_sequences if isinstance(request, schema.MessageRequest) else None
    return Demands(
        tool_choice=_tool_choice(request.tool_choice, names),
        strict_tools=frozenset(names.recipient(tool.name) for tool in strict),
        reasoning_limit=limit,
        stop=tuple(stops or ()),
    )


def _tool_choice(choice: schema.ToolChoice | None, names: ToolNames) -> ToolChoice | NamedTool:
    match choice:
        case schema.ToolChoice(type="tool", name=None):
            raise ConversationError("tool_choice.name: expected the name of the tool to call")
        case schema.ToolChoice(type="tool", name=str(name)):
            return NamedTool(names.recipient(name))
        case schema.ToolChoice(type="any"):
            return ToolChoice.REQUIRED
        case schema.ToolChoice(type="none"):
            return ToolChoice.NONE
    return ToolChoice.AUTO


def _terms(request: schema.CountRequest, client: str) -> Terms:
    metadata = request.metadata if isinstance(request, schema.MessageRequest) else None
    return Terms(client=(metadata and metadata.user_id) or client)


def _check_unique(specs: Sequence[schema.ToolSpec]) -> None:
    counts = Counter(tool.name for tool in specs)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ConversationError(f"tools: {twice[0]!r:.60} is the name of two")


def _served(request: schema.CountRequest, enabled: frozenset[str]) -> tuple[str, ...]:
    """The server's own tools that are asked for and enabled."""
    own = [tool for tool in request.tools or () if tool.input_schema is None]
    named = [tool_named(tool.type or "") for tool in own]
    return tuple(name for name in dict.fromkeys(named) if name in enabled)


def _warnings(request: schema.CountRequest, enabled: frozenset[str]) -> Iterator[str]:
    for index, tool in enumerate(request.tools or ()):
        if tool.input_schema is None:
            if tool.type in (None, "custom"):
                raise ConversationError(f"tools[{index}].input_schema: expected a JSON Schema")
            if (why := left_out(tool.type, enabled)) is not None:
                yield f"tools[{index}]: {why}"
