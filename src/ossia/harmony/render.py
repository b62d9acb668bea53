"""From messages to the token ids that gpt-oss was trained on.

Knows the format (OpenAI's harmony response format); knows no engine. Control tokens are set by
name and text is encoded as text, so nothing that anybody wrote can become a control token.
"""

import json
from collections.abc import Iterator, Sequence

from ossia.base.errors import ConversationError
from ossia.harmony.messages import (
    FUNCTIONS,
    Assistant,
    Channel,
    Developer,
    Message,
    Namespace,
    ResponseFormat,
    Role,
    System,
    ToolResult,
    User,
)
from ossia.harmony.special import CALL, CHANNEL, CONSTRAIN, END, MESSAGE, START
from ossia.harmony.tool_types import comment, tools_section
from ossia.tokenizer import Tokenizer

_JSON = "json"


def render(
    messages: Sequence[Message], tokenizer: Tokenizer, *, for_completion: bool = True
) -> list[int]:
    """The ids of a conversation.

    Reasoning of a turn that a final answer ended is left out, in every turn: the model was trained
    not to see it again. Reasoning after the last user message stays until such an answer comes.
    Where nothing is left out, the ids of a conversation begin with those of its beginning.

    Args:
        for_completion: end with the start of the assistant's next message.

    Raises:
        TokenizerError: the vocabulary lacks a control token.
        ConversationError: a schema is too large or too deep to be shown.
    """
    ids: list[int] = []
    kinds = _tool_kinds(messages)
    for message in without_spent_reasoning(messages):
        ids += _render_message(message, kinds, tokenizer)
    if for_completion:
        ids += [tokenizer.special(START), *tokenizer.encode(Role.ASSISTANT)]
    return ids


def without_spent_reasoning(messages: Sequence[Message]) -> Iterator[Message]:
    """The messages that the model still sees: no analysis before the last final answer."""
    last_final = max((i for i, m in enumerate(messages) if _is_final(m)), default=-1)
    for index, message in enumerate(messages):
        if not (index < last_final and _is_reasoning(message)):
            yield message


def _is_final(message: Message) -> bool:
    return isinstance(message, Assistant) and message.channel == Channel.FINAL


def _is_reasoning(message: Message) -> bool:
    """Whether it is part of a chain of thought, as tools are that the model was trained with."""
    match message:
        case Assistant(_, Channel.ANALYSIS, recipient):
            return recipient is None or not _is_function(recipient)
        case ToolResult(name, _, Channel.ANALYSIS):
            return not _is_function(name)
    return False


def _is_function(recipient: str) -> bool:
    return recipient.startswith(f"{FUNCTIONS}.")


def _tool_kinds(messages: Sequence[Message]) -> frozenset[str]:
    """The namespaces of tools that a conversation offers."""
    kinds: set[str] = set()
    for message in messages:
        match message:
            case System():
                kinds |= {namespace.name for namespace in message.tools}
            case Developer() if message.tools:
                kinds.add(FUNCTIONS)
    return frozenset(kinds)


def _render_message(message: Message, kinds: frozenset[str], tokenizer: Tokenizer) -> list[int]:
    text, end = "", END
    start = tokenizer.special(START)
    match message:
        case System():
            header = tokenizer.encode(Role.SYSTEM)
            text = system_text(message, kinds)
        case Developer():
            header = tokenizer.encode(Role.DEVELOPER)
            text = developer_text(message)
        case User(text):
            header = tokenizer.encode(Role.USER)
        case Assistant(text, channel, recipient, content_type):
            header = _header(Role.ASSISTANT, recipient, channel, tokenizer)
            header += _content_type(content_type, tokenizer)
            end = CALL if recipient else END
        case ToolResult(name, text, channel):
            header = _header(name, Role.ASSISTANT, channel, tokenizer)
    body = [tokenizer.special(MESSAGE), *tokenizer.encode(text)]
    return [start, *header, *body, tokenizer.special(end)]


def _header(
    author: str, recipient: str | None, channel: Channel, tokenizer: Tokenizer
) -> list[int]:
    ids = tokenizer.encode(author)
    ids += tokenizer.encode(f" to={recipient}") if recipient else []
    return [*ids, tokenizer.special(CHANNEL), *tokenizer.encode(channel)]


def _content_type(content_type: str | None, tokenizer: Tokenizer) -> list[int]:
    """JSON is announced by a control token, as the model does it; other types are words."""
    if content_type == _JSON:
        constrain = tokenizer.special(CONSTRAIN)
        return [*tokenizer.encode(" "), constrain, *tokenizer.encode(content_type)]
    return tokenizer.encode(f" {content_type}") if content_type else []


def system_text(system: System, kinds: frozenset[str] = frozenset()) -> str:
    """The body of the system message, line by line as the model was trained with it.

    Args:
        kinds: the namespaces of all tools that the conversation offers.
    """
    about = [system.identity, f"Knowledge cutoff: {system.knowledge_cutoff}"]
    if system.current_date is not None:
        about.append(f"Current date: {system.current_date}")
    sections = ["\n".join(about), f"Reasoning: {system.effort}"]
    if system.tools:
        sections.append(tools_section(system.tools))
    # Without a tool there is nothing to comment on, and the model does not try.
    channels = Channel if kinds else (Channel.ANALYSIS, Channel.FINAL)
    line = f"# Valid channels: {', '.join(channels)}. Channel must be included for every message."
    if FUNCTIONS in kinds:
        line += f"\nCalls to these tools must go to the commentary channel: '{FUNCTIONS}'."
    return "\n\n".join([*sections, line])


def developer_text(developer: Developer) -> str:
    """The body of a developer message: instructions, functions, the form of the answer."""
    sections: list[str] = []
    if developer.instructions is not None:
        sections += ["# Instructions", developer.instructions]
    if developer.tools:
        sections.append(tools_section([Namespace(FUNCTIONS, tools=developer.tools)]))
    if developer.response_format is not None:
        sections += ["# Response Formats", _response_format(developer.response_format)]
    return "\n\n".join(sections)


def _response_format(form: ResponseFormat) -> str:
    try:
        schema = json.dumps(form.schema, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConversationError(
            f"the response format {form.name!r:.40} cannot be shown to the model: its schema is "
            f"no JSON ({error!s:.80})"
        ) from None
    return f"## {form.name}\n\n{comment(form.description)}{schema}"
